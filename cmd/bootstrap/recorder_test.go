package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lambda-r-runtime/emulator"
)

// recordAll lets a recorder see that many invocations with events of this size, from number first on.
func recordAll(r *recorder, first, n, size int) {
	for i := range n {
		id := fmt.Sprint(first + i)
		r.Called(emulator.Call{ID: id, Event: bytes.Repeat([]byte("1"), size), Time: time.Unix(int64(first+i), 0)})
		r.Ended(id, emulator.Result{FunctionError: i == 0}, true)
	}
}

// recordedIDs returns the ids in the file.
func recordedIDs(t *testing.T, path string) (ids []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		var r record
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		ids = append(ids, r.ID)
	}
	return ids
}

func TestRecorder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache", "events.jsonl")
	r := newRecorder(path, "f.g", slog.New(slog.DiscardHandler))
	r.Called(emulator.Call{ID: "a", Event: []byte("{\"é\":\n1}"), Time: time.Unix(0, 0)})
	r.Called(emulator.Call{ID: "refused", Event: []byte("2")})
	r.Called(emulator.Call{ID: "large", Event: make([]byte, maxRecordedEvent+1)})
	r.Ended("refused", emulator.Result{}, false)
	r.Ended("large", emulator.Result{}, true)
	if _, err := os.Stat(path); err == nil {
		t.Error("there is a file although nothing was recorded")
	}
	r.Ended("a", emulator.Result{FunctionError: true}, true)
	r.Ended("a", emulator.Result{}, true) // not twice
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"id":"a","time":"1970-01-01T00:00:00Z","handler":"f.g","failed":true,"event":"{\"é\":\n1}"}` + "\n"
	if string(text) != want {
		t.Errorf("got %s, want %s", text, want)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}
	if info, err = os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder is %v, %v", info, err)
	}
	if len(r.calls) != 0 {
		t.Errorf("%d calls are kept", len(r.calls))
	}
	r.close()
	recordAll(r, 1, 1, 1)
	if got := recordedIDs(t, path); len(got) != 1 {
		t.Errorf("after its end, it recorded %q", got)
	}
}

// Number and size of the events are bounded, whatever happens in one run, and across runs.
func TestRecorderIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	for run := range 3 {
		r := newRecorder(path, "f.g", slog.New(slog.DiscardHandler))
		recordAll(r, 1000*run, 2*maxRecorded+5, 10)
		ids := recordedIDs(t, path)
		if last := fmt.Sprint(1000*run + 2*maxRecorded + 4); len(ids) < maxRecorded || len(ids) > 2*maxRecorded || ids[len(ids)-1] != last {
			t.Errorf("run %d: %d events, the last %s, want %s", run, len(ids), ids[len(ids)-1], last)
		}
		recordAll(r, 5000, 30, maxRecordedEvent)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > maxRecordedFile+1024 {
			t.Errorf("run %d: the file has %d bytes", run, info.Size())
		}
		if ids := recordedIDs(t, path); ids[len(ids)-1] != "5029" {
			t.Errorf("run %d: the last event is %s", run, ids[len(ids)-1])
		}
		r.close()
		left, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
		if err != nil || len(left) != 1 {
			t.Errorf("run %d left %q, %v", run, left, err)
		}
	}
}

// An earlier run's events stay; lines that are not records do not.
func TestRecorderContinues(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	if err := os.WriteFile(path, []byte("nonsense\n{\"id\":\"old\"}\n{\"id\":\"cut"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRecorder(path, "f.g", slog.New(slog.DiscardHandler))
	defer r.close()
	recordAll(r, 1, 2, 1)
	if got := strings.Join(recordedIDs(t, path), " "); got != "old 1 2" {
		t.Errorf("got %s", got)
	}
}

// A file that cannot be written is logged once, and leaves nothing behind.
func TestRecorderThatCannotWrite(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "events.jsonl"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/proc/nowhere/events.jsonl", filepath.Join(dir, "events.jsonl")} {
		var log bytes.Buffer
		r := newRecorder(path, "f.g", slog.New(slog.NewTextHandler(&log, nil)))
		recordAll(r, 1, 3, 1)
		r.close()
		if n := strings.Count(log.String(), "events not recorded for replay()"); n != 1 {
			t.Errorf("%s: it was logged %d times:\n%s", path, n, &log)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left %q, %v", left, err)
	}
}

func TestWhereEventsAreRecorded(t *testing.T) {
	env := func(pairs ...string) func(string) string {
		return func(name string) string {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == name {
					return pairs[i+1]
				}
			}
			return ""
		}
	}
	dir := t.TempDir()
	home := recordPath("/a", env("HOME", dir))
	if !strings.HasPrefix(home, dir+"/.cache/lambda-r-runtime/") {
		t.Errorf("got %s", home)
	}
	if other := recordPath("/b", env("HOME", dir)); other == home {
		t.Error("two task folders share their events")
	}
	if got := recordPath("/a", env("HOME", dir, "XDG_CACHE_HOME", "/c")); !strings.HasPrefix(got, "/c/lambda-r-runtime/") {
		t.Errorf("got %s", got)
	}
	for _, none := range []func(string) string{env(), env("HOME", "relative"), env("HOME", dir+"/missing"), env("XDG_CACHE_HOME", "relative")} {
		if got := recordPath("/a", none); got != "" {
			t.Errorf("got %s", got)
		}
	}

	log := slog.New(slog.DiscardHandler)
	getenv := env("HOME", t.TempDir())
	for addr, want := range map[string]bool{"127.0.0.1": true, "::1": true, "0.0.0.0": false, "192.0.2.1": false} {
		r := (&localOptions{record: true}).newRecorder(settings{taskRoot: "/a"}, getenv, &net.TCPAddr{IP: net.ParseIP(addr)}, log)
		if (r != nil) != want {
			t.Errorf("%s: recorded %v", addr, r != nil)
		}
	}
	if r := (&localOptions{}).newRecorder(settings{taskRoot: "/a"}, getenv, &net.TCPAddr{IP: net.IPv6loopback}, log); r != nil {
		t.Error("recorded with --record=false")
	}
}
