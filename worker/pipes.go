package worker

import (
	"errors"
	"fmt"
	"os"
)

// A pipe has an end for bootstrap and an end for R.
type pipe struct{ ours, theirs *os.File }

// path returns the path through which R opens its end.
func (p pipe) path() string {
	var number uintptr
	// Not Fd, which would change the mode of the file.
	if raw, err := p.theirs.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { number = fd }) // fails only if it is closed, like SyscallConn
	}
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), number)
}

// pipes are the pipes of a worker that is to be forked.
type pipes struct{ requests, replies, stdout, stderr pipe }

func newPipes() (*pipes, error) {
	p := &pipes{}
	for _, each := range []struct {
		pipe *pipe
		read bool // R reads it
	}{{&p.requests, true}, {&p.replies, false}, {&p.stdout, false}, {&p.stderr, false}} {
		r, w, err := os.Pipe()
		if err != nil {
			p.closeTheirs()
			return nil, errors.Join(err, p.closeOurs())
		}
		if *each.pipe = (pipe{r, w}); each.read {
			*each.pipe = pipe{w, r}
		}
	}
	return p, nil
}

func (p *pipes) all() []pipe { return []pipe{p.requests, p.replies, p.stdout, p.stderr} }

// closeOurs closes bootstrap's ends, if no worker has come of them.
func (p *pipes) closeOurs() error {
	var err error
	for _, each := range p.all() {
		if each.ours != nil {
			err = errors.Join(err, each.ours.Close())
		}
	}
	return err
}

// closeTheirs closes bootstrap's copies of R's ends.
func (p *pipes) closeTheirs() {
	for _, each := range p.all() {
		if each.theirs != nil {
			_ = each.theirs.Close() // nothing was written to it
		}
	}
}
