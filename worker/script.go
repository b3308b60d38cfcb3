package worker

import (
	"errors"
	"os"

	"lambda-r-runtime/internal/memfd"
)

// scriptPath is the path of R's fd 5, the loader. /dev/fd may not exist in Lambda.
const scriptPath = "/proc/self/fd/5"

// A Script is the R side of the runtime. It is in memory, because every disk may be read-only, and
// sealed. Each R process opens the files again, so one Script serves all of them.
type Script struct {
	loader *os.File // R's fd 5, which R runs
	files  *os.File // R's fd 6, which the loader reads
}

// NewScript returns a Script of the loader and of the files that it reads.
func NewScript(loader, files []byte) (*Script, error) {
	l, err := memfd.New("lambda-r-runtime.R", loader)
	if err != nil {
		return nil, err
	}
	f, err := memfd.New("lambda-r-runtime.R", files)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &Script{loader: l, files: f}, nil
}

// Close releases the files. R processes that have opened them keep them.
func (s *Script) Close() error { return errors.Join(s.loader.Close(), s.files.Close()) }
