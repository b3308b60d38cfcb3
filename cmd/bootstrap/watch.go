package main

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// scanEvery is how often the R files are looked at, and how long they must be at rest
// until a change is told: editors and git write several in a row.
const scanEvery = 250 * time.Millisecond

// A watcher notices when R files change. It looks at their times again and again, and
// does not ask the kernel to be told: inotify says nothing of what happens outside on a
// folder that is mounted into a container, must be asked anew for each folder, and
// follows a file that an editor has replaced into the grave. Looking is cheap for the
// few files that a function has.
type watcher struct {
	root string
	seen map[string]fs.FileInfo
}

// newWatcher returns a watcher of the R files under root as they are now.
func newWatcher(root string) *watcher {
	w := &watcher{root: root}
	w.seen = w.scan()
	return w
}

// changes sends the name of a file that has changed, one for each burst of changes,
// until ctx ends; then it closes the channel. What changes while nobody receives is
// told later.
func (w *watcher) changes(ctx context.Context) <-chan string {
	changes := make(chan string)
	go func() { // ends when it closes the channel
		defer close(changes)
		for changed := ""; ; {
			start := time.Now()
			now := w.scan()
			if file := difference(w.seen, now); file != "" {
				changed, w.seen = file, now
			} else if changed != "" {
				select {
				case changes <- changed:
					changed = ""
				case <-ctx.Done():
					return
				}
			}
			select {
			case <-time.After(max(scanEvery, 10*time.Since(start))): // a tenth of one CPU at most
			case <-ctx.Done():
				return
			}
		}
	}()
	return changes
}

// scan returns the R files, by their paths below root. What cannot be read is not there.
func (w *watcher) scan() map[string]fs.FileInfo {
	files := map[string]fs.FileInfo{}
	_ = fs.WalkDir(os.DirFS(w.root), ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil
		case entry.IsDir() && path != "." && skipped(entry.Name()):
			return fs.SkipDir
		case entry.IsDir() || !isRFile(entry.Name()):
			return nil
		}
		// Through symbolic links, to what R will read.
		if info, err := os.Stat(filepath.Join(w.root, path)); err == nil {
			files[path] = info
		}
		return nil
	})
	return files
}

// skipped reports whether a folder has packages and such, and not the function's files.
func skipped(name string) bool {
	return strings.HasPrefix(name, ".") || slices.Contains([]string{"renv", "packrat", "node_modules"}, name)
}

func isRFile(name string) bool {
	hidden := strings.HasPrefix(name, ".") // as editors' own copies are
	return name == ".Rprofile" || !hidden && strings.EqualFold(filepath.Ext(name), ".R")
}

// difference returns the name of a file that is not the same in both, the first in
// alphabetical order, or "".
func difference(before, after map[string]fs.FileInfo) string {
	var names []string
	for name, info := range after {
		old := before[name]
		if old == nil || !os.SameFile(old, info) || old.Size() != info.Size() || !old.ModTime().Equal(info.ModTime()) {
			names = append(names, name)
		}
	}
	for name := range before {
		if after[name] == nil {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return slices.Min(names)
}
