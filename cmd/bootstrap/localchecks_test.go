package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lambda-r-runtime/lambdalog"
	"lambda-r-runtime/supervisor"
)

func TestWrittenSince(t *testing.T) {
	root := t.TempDir()
	old := time.Now().Add(-time.Hour)
	write := func(name string, at time.Time) {
		t.Helper()
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	age := func(dirs ...string) {
		t.Helper()
		for _, dir := range dirs {
			if err := os.Chtimes(filepath.Join(root, dir), old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	since := time.Now().Add(-time.Minute)
	check := func(want ...string) {
		t.Helper()
		if got := writtenSince(root, filepath.Join(root, "state"), since); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	write("functions.R", old)
	write("data/x.csv", old)
	age(".", "data")
	check()
	for _, skipped := range []string{".git/index", "renv/library/x", "lambda-r-123/Rtmp1/y", "state/x.execution.json"} {
		write(skipped, time.Now())
	}
	age(".")
	check()
	if err := os.Remove(filepath.Join(root, "data/x.csv")); err != nil {
		t.Fatal(err)
	}
	check("data")
	write("data/y.csv", time.Now())
	write("out.txt", time.Now())
	check("data/y.csv", "out.txt")
}

// Each thing is warned of once, and only after an invocation that a worker ran.
func TestLocalChecks(t *testing.T) {
	var printed bytes.Buffer
	used := int64(100 << 20)
	root := t.TempDir()
	c := &localChecks{
		memory: 128 << 20, peak: func() int64 { return used }, root: root, written: map[string]bool{},
		temp: func(int) string { return root }, temps: map[int]*tempWatch{},
		log: lambdalog.New(lambdalog.NewOutput(&printed, nil), lambdalog.Options{}),
	}
	reported := supervisor.Reported{Invocation: supervisor.Invocation{ID: "id", Received: time.Now().Add(time.Minute)}, PID: 7}
	c.observe(reported)
	if printed.Len() > 0 {
		t.Errorf("nothing has happened, and it printed %s", &printed)
	}
	used = 300 << 20
	reported.Invocation.Received = time.Now()
	if err := os.WriteFile(filepath.Join(root, "out.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	c.observe(supervisor.Reported{Invocation: reported.Invocation}) // R never saw it
	c.observe(supervisor.Answered{Invocation: reported.Invocation, PID: 7})
	if printed.Len() > 0 {
		t.Errorf("printed %s", &printed)
	}
	c.observe(reported)
	c.observe(reported)
	for _, want := range []string{
		"R used more than --memory, in Lambda it would be killed request_id=id used_mb=300 memory_mb=128",
		"file written in the task folder, which is read-only in Lambda request_id=id path=out.txt",
	} {
		if n := strings.Count(printed.String(), want); n != 1 {
			t.Errorf("%q was printed %d times, want once:\n%s", want, n, &printed)
		}
	}
}
