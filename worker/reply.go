package worker

import (
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// longAgo as a deadline ends a read or a write that waits, and all that would.
var longAgo = time.Unix(1, 0)

// A replyPipe reads R's replies. Once the reaper has set its deadline, it reads what is
// in the pipe and no longer: R is dead, but a child of R may hold the pipe open, so that
// its end never comes.
type replyPipe struct {
	*os.File
}

func (p replyPipe) Read(b []byte) (int, error) {
	n, err := p.File.Read(b)
	if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	raw, err := p.File.SyscallConn()
	if err != nil {
		return 0, err
	}
	// Our end of a pipe does not block; deadlines are for File.Read only.
	n = 0
	if err := raw.Control(func(fd uintptr) { n, _ = unix.Read(int(fd), b) }); err != nil {
		return 0, err
	}
	if n <= 0 {
		return 0, io.EOF
	}
	return n, nil
}
