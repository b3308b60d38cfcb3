//go:build linux

package process

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// Start starts cmd as the leader of a new process group and supervises it. The process is
// killed when this program ends, however it ends.
//
// Start uses cmd.Stdout and cmd.Stderr itself, so they must be nil. It adds Options.Marker
// to cmd.Env and sets Setpgid and Pdeathsig in cmd.SysProcAttr. The caller must not call
// cmd's methods afterwards.
func Start(cmd *exec.Cmd, o Options) (*Process, error) {
	if cmd.Stdout != nil || cmd.Stderr != nil {
		return nil, errors.New("process: cmd.Stdout and cmd.Stderr are set; use Options.Stdout and Options.Stderr")
	}
	if _, isFile := cmd.Stdin.(*os.File); cmd.Stdin != nil && !isFile {
		// os/exec would copy it in a goroutine, which a stray could keep from ending.
		return nil, errors.New("process: cmd.Stdin is not an *os.File")
	}
	oom() // earlier kills in the control group are not this process's
	if inheritsOrphans() {
		watchOrphans()
	}
	if o.Marker != "" {
		cmd.Env = append(cmd.Environ(), o.Marker)
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true // a group to kill, and no Ctrl-C from the terminal
	withSignal := deathSignals()
	if withSignal {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}

	var ours, childs files
	defer func() { childs.close() }() // the child has copies; ours would keep the pipes from ending
	for range 2 {
		r, w, err := os.Pipe()
		if err != nil {
			ours.close()
			return nil, err
		}
		ours, childs = append(ours, r), append(childs, w)
	}
	cmd.Stdout, cmd.Stderr = childs[0], childs[1]
	p, err := newProcess(ours[0], ours[1], o)
	if err == nil {
		err = startOnThread(cmd)
	}
	if err != nil {
		ours.close()
		return nil, err
	}
	pid := cmd.Process.Pid
	if !withSignal {
		// If it fails, the process may outlive this program, but it can work.
		_ = guard.add(pid)
	}
	p.supervise(pid, func() *os.ProcessState {
		if !withSignal {
			guard.remove(pid)
		}
		_ = cmd.Wait() // the state says more than the error
		if cmd.ProcessState == nil {
			_ = cmd.Process.Release() // fails if it was released
		}
		return cmd.ProcessState
	})
	return p, nil
}

type files []*os.File

func (fs files) close() {
	for _, f := range fs {
		_ = f.Close() // nothing of ours was written to it
	}
}
