//go:build linux

package process_test

import (
	"fmt"
	"os/exec"

	"lambda-r-runtime/worker/process"
)

// Run a child, see it die, read its last words.
func ExampleStart() {
	cmd := exec.Command("sh", "-c", "echo working; echo 'cannot open model.rds' >&2; exit 3")
	p, err := process.Start(cmd, process.Options{
		Stdout: func(line string) { fmt.Println("stdout:", line) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	exit := p.Wait()
	fmt.Println(exit.Reason())
	fmt.Println("last words:", exit.StderrTail)
	// Output:
	// stdout: working
	// exited with status 3
	// last words: [cannot open model.rds]
}

// Kill a process and what it has started.
func ExampleProcess_Kill() {
	started := make(chan string)
	cmd := exec.Command("sh", "-c", "sleep 1000 & echo started; wait")
	p, err := process.Start(cmd, process.Options{
		Stdout: func(line string) { started <- line },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(<-started)
	p.Kill("the deadline passed")
	<-p.Done()
	fmt.Println(p.Exit().Reason())
	fmt.Println("killed again:", p.Kill("to be sure"))
	p.Wait()
	// Output:
	// started
	// was killed: the deadline passed
	// killed again: false
}
