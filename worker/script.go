package worker

import (
	"errors"
	"fmt"
	"os"

	"lambda-r-runtime/internal/memfd"
	"lambda-r-runtime/protocol/runtimeapi"
)

// fdPath is the folder of a process's open files. /dev/fd may not exist in Lambda.
const fdPath = "/proc/self/fd"

// scriptPath is the path of R's fd 5, the loader.
const scriptPath = fdPath + "/5"

// A NoProcError reports that /proc is missing, through which R opens its script.
type NoProcError struct{ Err error }

func (e *NoProcError) Error() string {
	return fmt.Sprintf("R opens its script through /proc: %v; mount /proc", e.Err)
}

func (e *NoProcError) Unwrap() error { return e.Err }

// ErrorType is the errorType reported to Lambda.
func (e *NoProcError) ErrorType() string { return runtimeapi.ErrorInvalidEntrypoint }

// checkProc returns a *NoProcError if path is missing.
func checkProc(path string) error {
	if _, err := os.Stat(path); err != nil {
		return &NoProcError{err}
	}
	return nil
}

// A Script is the R side of the runtime. It is in memory, because every disk may be read-only, and
// sealed. Each R process opens the files again, so one Script serves all of them.
type Script struct {
	loader *os.File // R's fd 5, which R runs
	files  *os.File // R's fd 6, which the loader reads
}

// NewScript returns a Script of the loader and of the files that it reads.
func NewScript(loader, files []byte) (*Script, error) {
	if err := checkProc(fdPath); err != nil {
		return nil, err
	}
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
