//go:build linux

package proc_test

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"lambda-r-runtime/test/kit/proc"
)

func TestProc(t *testing.T) {
	const mark = "PROC_TEST_MARK=1"
	child := exec.Command("/bin/sleep", "60")
	child.Env = []string{mark}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	pid := child.Process.Pid
	if !proc.Alive(pid) || proc.Parent(pid) != os.Getpid() || !slices.Equal(proc.Marked(mark), []int{pid}) {
		t.Errorf("process %d: alive %v, parent %d, marked %v", pid, proc.Alive(pid), proc.Parent(pid), proc.Marked(mark))
	}
	if left := proc.WaitGone(time.Millisecond, pid); len(left) != 1 {
		t.Errorf("left are %v, want the living %d", left, pid)
	}
	proc.KillAll([]int{pid})
	if left := proc.WaitGone(10*time.Second, pid); len(left) > 0 {
		t.Errorf("process %d survived SIGKILL", pid)
	}
	if state, _ := proc.Stat(pid); state != 'Z' {
		t.Errorf("the state is %q, want a zombie's", state)
	}
	_ = child.Wait() // it was killed
	if state, parent := proc.Stat(pid); state != 0 || parent != 0 {
		t.Errorf("state %q and parent %d of a process that is gone", state, parent)
	}
}

func TestOpenFDs(t *testing.T) {
	before := proc.OpenFDs()
	file, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	after := proc.OpenFDs()
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if len(after) != len(before)+1 || !slices.Equal(proc.OpenFDs(), before) {
		t.Errorf("%q before, %q with one more", before, after)
	}
}

func TestPipes(t *testing.T) {
	before := proc.Pipes(os.Getpid())
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	got := slices.DeleteFunc(proc.Pipes(os.Getpid()), func(pipe string) bool { return slices.Contains(before, pipe) })
	if len(got) != 1 {
		t.Errorf("the ends of one pipe are %q", got)
	}
	if err := errors.Join(r.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
	if got := proc.Pipes(os.Getpid()); !slices.Equal(got, before) {
		t.Errorf("%q before, %q after", before, got)
	}
}
