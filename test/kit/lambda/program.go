package lambda

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"lambda-r-runtime/test/kit/board"
	"lambda-r-runtime/test/kit/proc"
)

// Build builds a main package of this module into dir, with flags of go build, and returns the path
// of the program. It is linked statically unless a flag, as -race does, needs cgo.
func Build(dir, pkg string, flags ...string) (string, error) {
	path := filepath.Join(dir, filepath.Base(pkg))
	build := exec.Command("go", slices.Concat([]string{"build", "-tags", "nethttpomithttp2", "-o", path}, flags, []string{"lambda-r-runtime/" + pkg})...)
	if !slices.Contains(flags, "-race") {
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
	}
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
	}
	return path, nil
}

// BuildShipped builds bootstrap as it is shipped into dir, and returns its path.
func BuildShipped(dir string) (string, error) {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("go list -m: %w", err)
	}
	path := filepath.Join(dir, "bootstrap")
	build := exec.Command("scripts/build", path)
	build.Dir = strings.TrimSpace(string(root))
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("scripts/build: %w\n%s", err, out)
	}
	return path, nil
}

// A Program is bootstrap, or another program that serves a function, while it runs.
type Program struct {
	Cmd    *exec.Cmd
	Output board.Text    // what it has printed on stdout and stderr
	Ended  chan struct{} // closed when it has ended; Cmd.ProcessState is set then

	mark string // in the environment of all its processes
}

var programs atomic.Int64

// Start starts cmd. The caller makes sure that it ends.
func Start(cmd *exec.Cmd) (*Program, error) {
	p := &Program{
		Cmd: cmd, Ended: make(chan struct{}),
		mark: fmt.Sprintf("LAMBDA_KIT_MARK=%d-%d.", os.Getpid(), programs.Add(1)),
	}
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	// The race detector would sleep for a second at the end of a program.
	cmd.Env = append(cmd.Env, p.mark, "GORACE=atexit_sleep_ms=10")
	cmd.Stdout, cmd.Stderr = &p.Output, &p.Output
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() { // ends with the program
		_ = cmd.Wait()       // ProcessState has the status
		_ = p.Output.Close() // never fails
		close(p.Ended)
	}()
	return p, nil
}

// Signal sends a signal, if the program still runs.
func (p *Program) Signal(s syscall.Signal) { _ = p.Cmd.Process.Signal(s) }

// WaitEnd waits until the program has ended, at most for a time, and reports whether it has.
func (p *Program) WaitEnd(most time.Duration) bool {
	guard := time.NewTimer(most)
	defer guard.Stop()
	select {
	case <-p.Ended:
		return true
	case <-guard.C:
		return false
	}
}

// Processes returns the running processes that the program has started, however indirectly.
func (p *Program) Processes() []int {
	return slices.DeleteFunc(proc.Marked(p.mark), func(pid int) bool { return pid == p.Cmd.Process.Pid })
}

// Stop ends the program with a signal and returns an error if it does not end within most, or if
// a process that it has started outlives it. Whatever is left is killed.
func (p *Program) Stop(s syscall.Signal, most time.Duration) error {
	p.Signal(s)
	if !p.WaitEnd(most) {
		proc.KillAll(append(p.Processes(), p.Cmd.Process.Pid))
		return fmt.Errorf("%s did not end within %v of %v; it printed:\n%s", p.Cmd.Path, most, s, p.Output.String())
	}
	return p.CheckGone()
}

// CheckGone returns an error if a process that the program has started outlives it, and kills it.
func (p *Program) CheckGone() error {
	left := proc.WaitGone(2*time.Second, p.Processes()...)
	if len(left) == 0 {
		return nil
	}
	proc.KillAll(left)
	return fmt.Errorf("processes %v outlived %s", left, p.Cmd.Path)
}
