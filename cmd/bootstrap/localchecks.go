package main

import (
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"lambda-r-runtime/supervisor"
)

// localChecks warns of what an invocation of bootstrap local did that Lambda would not allow. It
// warns of each thing once.
type localChecks struct {
	memory int64                 // the function's, in bytes
	peak   func() int64          // the memory used so far, in bytes
	root   string                // the task folder, an absolute path
	data   string                // the folder of --data, an absolute path, or ""
	temp   func(slot int) string // the temporary folder of the slot's worker
	log    *slog.Logger

	mu       sync.Mutex
	overused bool               // a warning about memory was logged
	written  map[string]bool    // paths that a warning named
	temps    map[int]*tempWatch // by slot
}

func newLocalChecks(p *pool, o *localOptions) *localChecks {
	root, err := filepath.Abs(p.settings.taskRoot)
	if err != nil { // the working directory is gone
		root = p.settings.taskRoot
	}
	data := o.data
	if data != "" {
		data, _ = filepath.Abs(data) // the same error
	}
	return &localChecks{
		memory: int64(o.memory) << 20, peak: p.peakMemory, root: root, data: data, temp: p.tempDir, log: p.log,
		written: map[string]bool{}, temps: map[int]*tempWatch{},
	}
}

// observe is the supervisor's Observe. When an invocation is over, its caller no longer waits.
func (c *localChecks) observe(t supervisor.Transition) {
	if t, ok := t.(supervisor.Reported); ok && t.PID != 0 {
		log := c.log.With("request_id", t.Invocation.ID)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.checkMemory(log)
		c.checkWrites(t.Invocation.Received, log)
		c.checkTemp(t.Slot, t.PID, log)
	}
}

func (c *localChecks) checkTemp(slot, pid int, log *slog.Logger) {
	if c.temps[slot] == nil {
		c.temps[slot] = &tempWatch{}
	}
	if w := c.temps[slot]; !w.warned {
		w.check(pid, usageOf(c.temp(slot)), log)
	}
}

func (c *localChecks) checkMemory(log *slog.Logger) {
	if used := c.peak(); used > c.memory && !c.overused {
		c.overused = true
		log.Warn("R used more than --memory, in Lambda it would be killed", "used_mb", used>>20, "memory_mb", c.memory>>20)
	}
}

func (c *localChecks) checkWrites(since time.Time, log *slog.Logger) {
	for _, path := range writtenSince(c.root, c.data, since) {
		if !c.written[path] {
			c.written[path] = true
			log.Warn("file written in the task folder, which is read-only in Lambda", "path", path)
		}
	}
}

const (
	// maxScanned bounds how many files and folders a check looks at.
	maxScanned = 5000

	// clockStep is the largest step of the clock that the kernel stamps files with.
	clockStep = 10 * time.Millisecond
)

// writtenSince returns the files below root that were changed, or else the folders that were,
// as by a deleted file. Their paths are relative to root. It skips folders with packages or
// metadata, those of the workers, and data, where bootstrap itself writes.
func writtenSince(root, data string, since time.Time) []string {
	since = since.Add(-clockStep)
	var files, folders []string
	scanned := 0
	_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if scanned++; scanned > maxScanned {
			return fs.SkipAll
		}
		if err != nil {
			return nil // it cannot be read, or is gone
		}
		if entry.IsDir() && path != root && (path == data || isNotTask(path, entry.Name())) {
			return fs.SkipDir
		}
		switch info, err := entry.Info(); {
		case err != nil || info.ModTime().Before(since):
		case entry.IsDir():
			folders = append(folders, relative(root, path))
		default:
			files = append(files, relative(root, path))
		}
		return nil
	}) // the function above returns no other error
	if len(files) > 0 {
		return files
	}
	return folders
}

func relative(root, path string) string {
	if rel, err := filepath.Rel(root, path); err == nil {
		return rel
	}
	return path
}

// isNotTask reports whether a folder is not part of the function's own files.
func isNotTask(path, name string) bool {
	return slices.Contains([]string{os.TempDir(), "/tmp", "/dev", "/proc", "/sys"}, path) ||
		slices.Contains([]string{".git", "renv", "packrat", "node_modules"}, name) ||
		strings.HasPrefix(name, "lambda-r-")
}
