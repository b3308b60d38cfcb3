package worker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// A ProfileError reports that R ended, or was stopped, before it read anything from bootstrap,
// while there was a profile for it to read.
type ProfileError struct {
	Path string // the profile
	Err  error  // how R ended
}

func (e *ProfileError) Error() string {
	return fmt.Sprintf("R did not get past its profile, %s: %v", e.Path, e.Err)
}

func (e *ProfileError) Unwrap() error { return e.Err }

// inProfile returns err, wrapped in a ProfileError if R reads a profile and had not finished that
// when it ended. The process must be dead, or about to be killed.
func (w *Worker) inProfile(err error, c Config) error {
	if exit, ok := errors.AsType[*ExitError](err); ok && exit.Code > 125 {
		return err // the shell's status for a program that cannot be executed
	}
	if unread(w.requests) == 0 {
		return err
	}
	if path := Profile(c.Dir, c.Env); path != "" {
		return &ProfileError{path, err}
	}
	return err
}

// unread returns how many bytes were written to a pipe and not read; 0 if that is unknown.
func unread(pipe *os.File) (n int) {
	raw, err := pipe.SyscallConn()
	if err != nil {
		return 0 // closed
	}
	_ = raw.Control(func(fd uintptr) { // fails only if the pipe is closed
		n, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ) // 0 on an error
	})
	return n
}

// Profile returns the path of the user's profile that R reads when it starts in dir with the
// environment env, or "" if there is none: R_PROFILE_USER, .Rprofile in dir, or .Rprofile in the
// home (see R's help page Startup).
func Profile(dir string, env []string) string {
	home := Lookup(env, "HOME")
	candidates := []string{filepath.Join(dir, ".Rprofile"), filepath.Join(home, ".Rprofile")}
	if user := Lookup(env, "R_PROFILE_USER"); user != "" {
		if rest, ok := strings.CutPrefix(user, "~/"); ok {
			user = filepath.Join(home, rest)
		}
		if !filepath.IsAbs(user) {
			user = filepath.Join(dir, user)
		}
		candidates = []string{user}
	}
	for _, path := range candidates {
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return path
		}
	}
	return ""
}
