package e2e

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/test/kit/lambda"
)

// A snapshotted is a function that starts from a snapshot: its program and its Runtime API.
type snapshotted struct {
	*program
	function
	rec      *recorder
	emulator *emulator.Emulator
}

// startSnapshotted starts bootstrap in testdata/dir, as Lambda does for the init of a function with
// SnapStart. Nothing restores it.
func startSnapshotted(t *testing.T, dir, handler string, env ...string) *snapshotted {
	t.Helper()
	e := emulator.New(emulator.Config{Timeout: 10 * time.Second, SnapStart: &emulator.SnapStart{}})
	recorded := lambda.Record(e, nil)
	rec := &recorder{recorded, lambda.Serve(t, recorded)}
	env = append(env, "AWS_LAMBDA_INITIALIZATION_TYPE=snap-start")
	return &snapshotted{start(t, dir, rec.Env(handler, env...)), function{t, rec.URL}, rec, e}
}

// restore waits until the snapshot can be taken, and lets the function go on as if restored.
func (s *snapshotted) restore() {
	s.program.t.Helper()
	if !s.prepared() {
		s.program.t.Fatalf("/restore/next was not called:\n%s", s.output())
	}
	s.emulator.Restore(0)
	s.emulator.Resume()
}

// prepared waits until /restore/next is called.
func (s *snapshotted) prepared() bool {
	return len(s.rec.Await(patience, 1, lambda.Begun("restore/next"))) > 0
}

// lines returns the words of the log's lines that contain one of texts, in their order.
func (s *snapshotted) lines(texts ...string) []string {
	var found []string
	for line := range strings.Lines(s.output()) {
		for _, text := range texts {
			if strings.Contains(line, text) {
				found = append(found, text)
			}
		}
	}
	return found
}

// The phases run in order, their output is in the log with its phase, and user code finds a restored
// R as good as a fresh one.
func TestRestoredR(t *testing.T) {
	database := filepath.Join(t.TempDir(), "db.sqlite")
	s := startSnapshotted(t, "snapstart", "app.run", "DATABASE="+database)
	s.restore()

	var state map[string]any
	if err := json.Unmarshal([]byte(s.result(`{"what": "state"}`)), &state); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"primed": 1.0, "compiled": true, "open": true, "new_dir": true, "kept": "kept", "remaining": true}
	for name, value := range want {
		if state[name] != value {
			t.Errorf("%s is %v, want %v", name, state[name], value)
		}
	}
	steps := []string{"priming in snapstart", "the database is closed: TRUE", "the database is open: TRUE"}
	if got := s.lines(steps...); !slices.Equal(got, steps) {
		t.Errorf("the log has the steps %q, want %q:\n%s", got, steps, s.output())
	}
	for i, phase := range []string{"phase=priming", "phase=snapshot", "phase=restore"} {
		s.waitFor(steps[i] + ".*" + phase)
	}
	// The connection is closed, so it is not found; the rest is.
	if got := s.lines("SQLiteConnection"); len(got) > 0 {
		t.Errorf("a closed connection is reported:\n%s", s.output())
	}
	s.waitFor(`kind=seed what="set.seed\(\) at app.R:4"`)
	s.waitFor(`kind=time what="started, a time read during the init"`)
	if got := s.rec.reports(); !slices.Equal(got, []string{"restore/next", "response"}) {
		t.Errorf("the Runtime API was called for %q", got)
	}
}

// A worker that replaces a restored one loads its file and runs both kinds of hooks, but is not
// primed.
func TestReplacedAfterRestore(t *testing.T) {
	database := filepath.Join(t.TempDir(), "db.sqlite")
	s := startSnapshotted(t, "snapstart", "app.run", "DATABASE="+database)
	s.restore()
	kill(t, s.result(`{"what": "pid"}`))
	s.waitFor(`worker died idle`)
	state := s.result(`{"what": "state"}`)
	for _, want := range []string{`"primed":0`, `"open":true`} {
		if !strings.Contains(state, want) {
			t.Errorf("the state of the new worker is %s, want %s", state, want)
		}
	}
	if got := s.rec.count("restore/next"); got != 1 {
		t.Errorf("/restore/next was called %d times", got)
	}
}

// Each failure of a phase is reported once, to the endpoint of its phase and with the stack of R.
func TestFailedPhasesOfR(t *testing.T) {
	for name, row := range map[string]struct {
		code    string
		reports []string
		text    []string // in the log
	}{
		"priming": {
			"lambda_config(prime = list(n = 2))\nhandler <- function(n) stop('no model')",
			[]string{"init/error Runtime.BeforeSnapshotError"},
			[]string{"priming failed: simpleError: no model", "handler(n = n)"},
		},
		"the second event of a file": {
			"writeLines('[{\"n\": 1}, {\"n\": 2}]', file <- tempfile())\nlambda_config(prime = file)\n" +
				"handler <- function(n) if (n == 2) stop('no model')",
			[]string{"init/error Runtime.BeforeSnapshotError"},
			[]string{": event 2 of 2: no model"},
		},
		"an event that does not fit": {
			"lambda_config(prime = list(m = 2))\nhandler <- function(n) n",
			[]string{"init/error Runtime.BeforeSnapshotError"},
			[]string{`priming failed: Runtime.InvalidArguments: unknown argument "m": handler takes n`},
		},
		"a file of events that is missing": {
			"lambda_config(prime = 'events.json')\nhandler <- function(n) n",
			[]string{"init/error Runtime.InitError"},
			[]string{`app.R:1: lambda_config(): prime = "events.json": there is no such file in `},
		},
		"on_snapshot": {
			"on_snapshot(function() stop('first'))\non_snapshot(function() close_all())\n" +
				"close_all <- function() stop('still in use')\nhandler <- function(n) n",
			[]string{"init/error Runtime.BeforeSnapshotError"},
			[]string{"an on_snapshot() hook failed: simpleError: app.R:2: still in use", "close_all() (app.R:2)"},
		},
		"on_restore": {
			"on_restore(function() open_all())\non_restore(function() stop('second'))\n" +
				"open_all <- function() stop('refused')\nhandler <- function(n) n",
			[]string{"restore/next", "restore/error Runtime.AfterRestoreError"},
			[]string{"an on_restore() hook failed: simpleError: app.R:1: refused", "open_all() (app.R:1)"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			writeFile(t, filepath.Join(dir, "app.R"), row.code+"\n")
			s := startSnapshotted(t, "", "app.handler", "LAMBDA_TASK_ROOT="+dir)
			if row.reports[0] == "restore/next" {
				s.restore()
			}
			if code := s.exitCode(); code != 1 {
				t.Errorf("exit status %d, want 1", code)
			}
			if got := s.rec.reports(); !slices.Equal(got, row.reports) {
				t.Errorf("reported %q, want %q", got, row.reports)
			}
			for _, text := range row.text {
				if !strings.Contains(s.output(), text) {
					t.Errorf("the log does not have %q:\n%s", text, s.output())
				}
			}
		})
	}
}

// With prime_on_error = "continue", a failed priming is a warning, and R continues.
func TestPrimingThatMayFail(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "app.R"), `
lambda_config(prime = list(n = 0), prime_on_error = "continue")
handler <- function(n) if (n == 0) stop("no model") else n
`)
	s := startSnapshotted(t, "", "app.handler", "LAMBDA_TASK_ROOT="+dir)
	s.restore()
	if got := s.result(`{"n": 7}`); got != "7" {
		t.Errorf("the handler returned %s", got)
	}
	s.waitFor(`WRN.*priming failed.*no model`)
}

// Without SnapStart, nothing is primed and no hook runs.
func TestHooksWithoutSnapStart(t *testing.T) {
	database := filepath.Join(t.TempDir(), "db.sqlite")
	rec := newRecorder(t, 10*time.Second, nil)
	p, f := startLambda(t, rec, "snapstart", "app.run", "DATABASE="+database)
	state := f.result(`{"what": "state"}`)
	for _, want := range []string{`"primed":0`, `"open":true`, `"new_dir":false`} {
		if !strings.Contains(state, want) {
			t.Errorf("the state is %s, want %s", state, want)
		}
	}
	if strings.Contains(p.output(), "the database is") {
		t.Errorf("a hook ran:\n%s", p.output())
	}
}
