package worker

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// A replyPipe reads R's replies. Once endIO has set the deadline, it reads what is left in the
// pipe and then returns io.EOF: R writes no more, but its end of the pipe may stay open. R is
// still dying, or a child of R holds the pipe.
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
	// Our end of the pipe is in non-blocking mode, and deadlines apply to File.Read only.
	n = 0
	if err := raw.Control(func(fd uintptr) { n, _ = unix.Read(int(fd), b) }); err != nil {
		return 0, err
	}
	if n <= 0 {
		return 0, io.EOF
	}
	return n, nil
}
