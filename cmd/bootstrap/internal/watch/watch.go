// Package watch reports when the R files of a function change.
//
// It compares file times at intervals instead of using inotify. Inotify reports no changes
// that are made outside a container to a folder mounted into it, needs a watch for each
// folder, and keeps watching the deleted inode after an editor replaces a file. Scanning
// the few files of a function is cheap.
package watch

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// scanEvery is the interval between scans. A change is reported after one scan without
// further changes, because editors and git write several files in a row.
const scanEvery = 250 * time.Millisecond

// A Watcher notices changes of the R files below a folder.
type Watcher struct {
	Root string
	seen map[string]fs.FileInfo
}

// New returns a Watcher of the R files below root as they are now.
func New(root string) *Watcher {
	w := &Watcher{Root: root}
	w.seen = w.scan()
	return w
}

// Changes sends the name of one changed file for each burst of changes. It closes the
// channel when ctx ends. A change is kept until the caller receives it.
func (w *Watcher) Changes(ctx context.Context) <-chan string {
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
			case <-time.After(max(scanEvery, 10*time.Since(start))): // at most a tenth of one CPU
			case <-ctx.Done():
				return
			}
		}
	}()
	return changes
}

// scan returns the R files by their paths below Root, without those it cannot read.
func (w *Watcher) scan() map[string]fs.FileInfo {
	files := map[string]fs.FileInfo{}
	_ = fs.WalkDir(os.DirFS(w.Root), ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil
		case entry.IsDir() && path != "." && isSkipped(entry.Name()):
			return fs.SkipDir
		case entry.IsDir() || !isRFile(entry.Name()):
			return nil
		}
		// Stat follows symbolic links to the file that R will read.
		if info, err := os.Stat(filepath.Join(w.Root, path)); err == nil {
			files[path] = info
		}
		return nil
	}) // the function above returns no error
	return files
}

// isSkipped reports whether a folder contains packages or metadata.
func isSkipped(name string) bool {
	return strings.HasPrefix(name, ".") || slices.Contains([]string{"renv", "packrat", "node_modules"}, name)
}

func isRFile(name string) bool {
	hidden := strings.HasPrefix(name, ".") // editors' backup and lock files
	return name == ".Rprofile" || !hidden && strings.EqualFold(filepath.Ext(name), ".R")
}

// difference returns the first name, in alphabetical order, of a file that was added,
// changed or removed, or "".
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
