package main

import (
	"io/fs"
	"log/slog"
	"path/filepath"
)

// A tempWatch warns, once, if a worker's temporary files grow from invocation to invocation. In
// Lambda they fill /tmp until the environment ends.
type tempWatch struct {
	pid    int // of the worker; another one has a folder of its own
	last   tempUsage
	grown  int // invocations in a row that left more than the one before
	warned bool
}

// growing is how many such invocations are no longer taken for the filling of a cache.
const growing = 5

// check is called after each invocation, with the worker and what is in its folder.
func (w *tempWatch) check(pid int, now tempUsage, log *slog.Logger) {
	if pid != w.pid {
		w.pid, w.last, w.grown = pid, now, 0
		return
	}
	if now.files > w.last.files || now.bytes > w.last.bytes {
		w.grown++
	} else {
		w.grown = 0
	}
	w.last = now
	if w.grown >= growing && !w.warned {
		w.warned = true
		log.Warn("each invocation leaves more in tempdir(), which fills /tmp in Lambda; delete such files with unlink()",
			"invocations", growing, "files", now.files, "bytes", now.bytes)
	}
}

// A tempUsage is what a folder holds.
type tempUsage struct {
	files int
	bytes int64
}

// usageOf counts the files below a folder. Those that are deleted meanwhile do not count.
func usageOf(dir string) (u tempUsage) {
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil // it cannot be read, or is gone
		}
		if info, err := entry.Info(); err == nil {
			u.files++
			u.bytes += info.Size()
		}
		return nil
	}) // the function above returns no error
	return u
}
