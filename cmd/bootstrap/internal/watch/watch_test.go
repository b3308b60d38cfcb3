package watch

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// writeFiles writes files below dir and creates their folders.
func writeFiles(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatIsWatched(t *testing.T) {
	dir := t.TempDir()
	watched := []string{".Rprofile", "R/deep/er/c.R", "a.R", "b.r", "linked.R", "sub/.Rprofile"}
	writeFiles(t, dir, slices.DeleteFunc(slices.Clone(watched), func(name string) bool { return name == "linked.R" })...)
	writeFiles(t, dir, "data.csv", "a.R~", ".#a.R", ".hidden.R", "notes.Rmd",
		".git/a.R", ".Rproj.user/a.R", "renv/activate.R", "packrat/init.R", "sub/node_modules/a.R")
	if err := os.Symlink(filepath.Join(dir, "data.csv"), filepath.Join(dir, "linked.R")); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{dir, link} {
		if got := slices.Sorted(maps.Keys(New(root).seen)); !slices.Equal(got, watched) {
			t.Errorf("watched: %q, want %q", got, watched)
		}
	}
	if got := New("/not/there").seen; len(got) != 0 {
		t.Errorf("watched: %v", got)
	}
}

// Every kind of change is reported once, when it is over.
func TestChanges(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, "a.R", "b.R")
	path := func(name string) string { return filepath.Join(dir, name) }
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		changes := New(dir).Changes(ctx)
		quiet := func() {
			t.Helper()
			time.Sleep(time.Minute)
			synctest.Wait()
			select {
			case file := <-changes:
				t.Errorf("reported %s", file)
			default:
			}
		}
		quiet()
		for _, row := range []struct {
			want   string
			change func() error
		}{
			{"a.R", func() error { return os.WriteFile(path("a.R"), []byte("longer than it was"), 0o644) }},
			{"a.R", func() error { return os.Chtimes(path("a.R"), time.Time{}, time.Unix(1, 0)) }},
			{"new/c.R", func() error { writeFiles(t, dir, "new/c.R"); return nil }},
			{"a.R", func() error { // editors replace files like this
				writeFiles(t, dir, "a.R.tmp")
				return os.Rename(path("a.R.tmp"), path("a.R"))
			}},
			{"b.R", func() error { return os.Remove(path("b.R")) }},
			{"new/c.R", func() error { return os.RemoveAll(path("new")) }},
			{"b.R", func() error { writeFiles(t, dir, "b.R", "c.R"); return nil }},
			{"c.R", func() error { // a burst
				for i := range 20 {
					if err := os.WriteFile(path("c.R"), make([]byte, i), 0o644); err != nil {
						return err
					}
					time.Sleep(scanEvery / 2)
				}
				return nil
			}},
		} {
			if err := row.change(); err != nil {
				t.Fatal(err)
			}
			if got := <-changes; got != row.want {
				t.Errorf("reported %s, want %s", got, row.want)
			}
			quiet()
		}
		cancel()
		if file, ok := <-changes; ok {
			t.Errorf("reported %s after the end", file)
		}
	})
}
