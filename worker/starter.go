package worker

import (
	"os/exec"
	"runtime"
	"sync"
)

// starts carries commands to the one OS thread that starts R processes.
var starts = sync.OnceValue(func() chan<- startRequest {
	ch := make(chan startRequest)
	go runStarter(ch)
	return ch
})

type startRequest struct {
	cmd *exec.Cmd
	err chan<- error
}

// startCommand starts cmd from a thread that lives as long as bootstrap.
// Pdeathsig is sent when the *thread* that forked ends (prctl(2),
// PR_SET_PDEATHSIG), and Go ends threads when it pleases.
func startCommand(cmd *exec.Cmd) error {
	err := make(chan error)
	starts() <- startRequest{cmd, err}
	return <-err
}

// runStarter runs for the life of the program; nobody waits for it.
func runStarter(ch <-chan startRequest) {
	runtime.LockOSThread()
	for s := range ch {
		s.err <- startKnown(s.cmd)
	}
}

// unreaped are the pids of the workers that are to be waited for by their reapers, and by
// nobody else.
var unreaped struct {
	sync.Mutex
	pids map[int]bool
}

// startKnown starts cmd and enters it in unreaped before anybody can see it dead.
func startKnown(cmd *exec.Cmd) error {
	unreaped.Lock()
	defer unreaped.Unlock()
	err := cmd.Start()
	if err == nil {
		if unreaped.pids == nil {
			unreaped.pids = map[int]bool{}
		}
		unreaped.pids[cmd.Process.Pid] = true
	}
	return err
}

// forget takes a reaped worker out of unreaped.
func forget(pid int) {
	unreaped.Lock()
	defer unreaped.Unlock()
	delete(unreaped.pids, pid)
}
