package worker

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"

	"lambda-r-runtime/protocol/runtimeapi"
	"lambda-r-runtime/worker/process"
)

// A birth is a new R process to which nothing has been sent. Nothing but the function that
// returns it depends on how the process came into being.
type birth struct {
	process  *process.Process
	requests *os.File // bootstrap's end of the pipe that R reads
	replies  *os.File // bootstrap's end of the pipe that R writes
	tempDir  *tempDir // the process's own
	template *Worker  // what it was forked from; nil if it was started
}

// A DirError reports a working directory in which R cannot run. The error of the system call
// would name R's path instead.
type DirError struct {
	Dir string
	Err error
}

func (e *DirError) Error() string {
	return fmt.Sprintf("R cannot run in the folder %q: %v; start bootstrap in a folder that exists, or set LAMBDA_TASK_ROOT to one",
		e.Dir, e.Err)
}

func (e *DirError) Unwrap() error { return e.Err }

// ErrorType is the errorType reported to Lambda.
func (e *DirError) ErrorType() string { return runtimeapi.ErrorInvalidEntrypoint }

// checkDir returns a *DirError if R cannot run in dir.
func checkDir(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
	case !info.IsDir():
		err = syscall.ENOTDIR
	case !filepath.IsAbs(dir):
		_, err = os.Getwd() // a deleted working directory can be entered, but has no name
	}
	if err != nil {
		return &DirError{dir, err}
	}
	return nil
}

// execR starts a new R, whose output and end are handled by o.
func execR(c Config, o process.Options) (birth, error) {
	if err := checkDir(c.Dir); err != nil {
		return birth{}, err
	}
	dir, err := newTempDir(c.TempDir)
	if err != nil {
		return birth{}, err
	}
	b := birth{tempDir: dir}
	if err := b.exec(c, o); err != nil {
		return birth{}, errors.Join(fmt.Errorf("start %s: %w", c.Bin, err), dir.leave())
	}
	return b, nil
}

// exec fills in the fields of a new process. If it returns an error, it fills in nothing.
func (b *birth) exec(c Config, o process.Options) error {
	fd3, requests, err := os.Pipe()
	if err != nil {
		return err
	}
	defer fd3.Close() // R has a copy; ours would keep a write to a dead R from failing
	replies, fd4, err := os.Pipe()
	if err != nil {
		return errors.Join(err, requests.Close())
	}
	defer fd4.Close() // R has a copy; ours would keep the pipe from ending

	// --no-restore and --no-save ignore the workspace of an interactive session. .Rprofile
	// is read, so that renv works. With -e instead of --file, R would write a file.
	cmd := exec.Command(c.Bin, "--no-echo", "--no-restore", "--no-save", "--file="+scriptPath)
	cmd.Dir, cmd.Env = c.Dir, slices.Concat(c.Env, c.OwnEnv)
	if len(c.Args) > 0 {
		profile := filepath.Join(b.tempDir.path, "profile.R")
		if err := os.WriteFile(profile, c.Profile, 0o600); err != nil {
			return errors.Join(err, requests.Close(), replies.Close())
		}
		cmd.Args, cmd.Env = c.Args, append(cmd.Env, "R_PROFILE="+profile)
	}
	cmd.ExtraFiles = []*os.File{fd3, fd4, c.Script.loader, c.Script.files}
	o.Marker = b.tempDir.marker()
	b.process, err = process.Start(cmd, o)
	if err != nil {
		return errors.Join(err, requests.Close(), replies.Close())
	}
	b.requests, b.replies = requests, replies
	return nil
}
