//go:build linux

package faker

import (
	"encoding/json"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"

	"lambda-r-runtime/protocol"
)

// A program in Go cannot fork, so a fake starts itself again instead. All that bootstrap can see is
// as with R: the frames, a process between the two that exits, a worker that begins in the process
// group of its template, and the template's TMPDIR in the worker's /proc/PID/environ.

// envFork is the variable that gives a forked fake its fork frame.
const envFork = "FAKER_FORK"

// Middle is the shell script of the process between a template and its worker.
const Middle = `"$0" &`

// BecomeTemplate reads the template frame and answers it.
func (r *R) BecomeTemplate() {
	var frame protocol.Template
	Check(json.Unmarshal(r.Receive(), &frame))
	r.Send(protocol.Reply{Type: protocol.TypeEntered})
}

// NextFork reads a fork frame.
func (r *R) NextFork() (f protocol.Fork) {
	Check(json.Unmarshal(r.Receive(), &f))
	return f
}

// Fork starts a fake on the pipes of the frame. It returns when the process between the two has
// ended, which runs the script middle.
func (r *R) Fork(f protocol.Fork, middle string) {
	frame, err := json.Marshal(f)
	Check(err)
	program, err := os.Executable()
	Check(err)
	cmd := exec.Command("/bin/sh", "-c", middle, program)
	cmd.Env = append(os.Environ(), envFork+"="+string(frame))
	cmd.Stdout, cmd.Stderr = openEnd(f.Stdout, unix.O_WRONLY), openEnd(f.Stderr, unix.O_WRONLY)
	cmd.ExtraFiles = []*os.File{openEnd(f.Requests, unix.O_RDONLY), openEnd(f.Replies, unix.O_WRONLY)}
	_ = cmd.Run() // bootstrap sees whether a worker was born
	for _, end := range append(cmd.ExtraFiles, cmd.Stdout.(*os.File), cmd.Stderr.(*os.File)) {
		Check(end.Close())
	}
}

// openEnd opens the end of a pipe. Unlike os.OpenFile, it leaves it blocking, as R does.
func openEnd(path string, mode int) *os.File {
	fd, err := unix.Open(path, mode|unix.O_CLOEXEC, 0)
	Check(err)
	return os.NewFile(uintptr(fd), path)
}

// bear makes this process the worker that the fork frame describes.
func (r *R) bear(frame string) {
	var f protocol.Fork
	Check(json.Unmarshal([]byte(frame), &f))
	// A program that was executed must do that itself; bootstrap does it for R.
	Check(syscall.Setpgid(0, 0))
	Check(os.Unsetenv(envFork))
	Check(os.Setenv("TMPDIR", f.TempDir))
	for name, value := range f.Env {
		Check(os.Setenv(name, value))
	}
	r.Send(protocol.Reply{Type: protocol.TypeBorn, Born: protocol.Born{PID: os.Getpid()}})
}
