package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/internal/checkpoint"
)

func TestSnapTimes(t *testing.T) {
	times := snapTimes{init: 814 * time.Millisecond, snapshot: "0.18 s (CRIU 4.2)", restores: []time.Duration{142 * time.Millisecond}}
	if got, want := times.String(), "SnapStart: init 0.81 s, snapshot 0.18 s (CRIU 4.2), restore 0.14 s"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	times.restores = append(times.restores, 90*time.Millisecond, 200*time.Millisecond)
	if got, want := times.String(), "SnapStart: init 0.81 s, snapshot 0.18 s (CRIU 4.2), restore 0.09 s to 0.20 s in 3 environments"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// After an error of CRIU, its logs stay, but not the snapshot. After any other, nothing stays.
func TestFilesOfAFailure(t *testing.T) {
	for _, row := range []struct {
		err  error
		left []string
	}{
		{&checkpoint.Error{Step: "dump", Err: errors.New("no")}, []string{"snapshot/1/restore.log", "snapshot/dump.log"}},
		{errors.New("no"), nil},
	} {
		l := &snapLocal{dir: filepath.Join(t.TempDir(), "all"), emulator: emulator.New(emulator.Config{SnapStart: &emulator.SnapStart{}})}
		for _, name := range []string{"snapshot/dump.log", "snapshot/memory/pages-1.img", "snapshot/1/restore.log", "tmp/lambda-r-1/secret"} {
			path := filepath.Join(l.dir, name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.explain(t.Context(), row.err); err != row.err {
			t.Errorf("%v became %v", row.err, err)
		}
		l.removeFiles()
		var left []string
		_ = filepath.WalkDir(l.dir, func(path string, entry fs.DirEntry, err error) error { // it may be gone
			if err == nil && !entry.IsDir() {
				left = append(left, relative(l.dir, path))
			}
			return nil
		})
		if !slices.Equal(left, row.left) {
			t.Errorf("%T: left %q, want %q", row.err, left, row.left)
		}
	}
}

// Once a signal has come, the end of an environment is not an error.
func TestErrorsAfterASignal(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (&snapLocal{}).explain(ctx, errors.New("killed")); err != nil {
		t.Errorf("got %v", err)
	}
}
