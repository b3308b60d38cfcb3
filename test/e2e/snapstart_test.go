package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/emulator/faulty"
	"lambda-r-runtime/test/kit/lambda"
	"lambda-r-runtime/test/kit/proc"
)

// A snapRun is bootstrap with SnapStart, running testdata/snapstart/orders.R. Its Runtime API answers
// any call in another order than Lambda's with 403.
type snapRun struct {
	*program
	function
	rec *recorder
	api *emulator.Emulator
}

func startSnap(t *testing.T, fault fault, env ...string) *snapRun {
	t.Helper()
	api := emulator.New(emulator.Config{Timeout: 10 * time.Second, SnapStart: &emulator.SnapStart{}})
	recorded := lambda.Record(api, fault)
	rec := &recorder{recorded, lambda.Serve(t, recorded)}
	p, f := startLambda(t, rec, "snapstart", "orders.f", append(env, "AWS_LAMBDA_INITIALIZATION_TYPE=snap-start")...)
	return &snapRun{p, f, rec, api}
}

// waiting waits until bootstrap waits for the restore.
func (r *snapRun) waiting() *snapRun {
	r.program.t.Helper()
	if calls := r.rec.Await(patience, 1, lambda.Begun(faulty.OpRestoreNext)); len(calls) == 0 {
		r.program.t.Fatalf("bootstrap did not wait for the restore; it printed:\n%s", r.output())
	}
	return r
}

// restore restores the environment.
func (r *snapRun) restore() *snapRun {
	r.program.t.Helper()
	r.waiting()
	r.api.Restore(0)
	r.api.Resume()
	return r
}

// calls fails the test unless bootstrap's calls, except those of /next, are these, and none was
// refused unless that is wanted.
func (r *snapRun) calls(want ...string) {
	r.program.t.Helper()
	if got := r.rec.reports(); !slices.Equal(got, want) {
		r.program.t.Errorf("calls %q, want %q; it printed:\n%s", got, want, r.output())
	}
}

// served fails the test unless the function answers, and returns the pid of its R.
func (r *snapRun) served() int {
	r.program.t.Helper()
	pid, err := strconv.Atoi(r.result(`{}`))
	if err != nil {
		r.program.t.Error(err)
	}
	return pid
}

const (
	beforeSnapshot = "init/error Runtime.BeforeSnapshotError"
	afterRestore   = "restore/error Runtime.AfterRestoreError"
)

// Every failure is reported once, to the right endpoint and with its type, and bootstrap exits with
// status 1. No event is asked for.
func TestSnapStartFailures(t *testing.T) {
	for _, row := range []struct {
		fault string
		calls []string
		text  []string // the log contains all of them
		env   []string
	}{
		{"priming stop", []string{beforeSnapshot}, []string{"priming failed", "no such table", "connect()"}, nil},
		{"priming quit", []string{beforeSnapshot}, []string{"priming failed: the R process", "status 3"}, nil},
		{"priming kill", []string{beforeSnapshot}, []string{"priming failed: the R process", "SIGKILL"}, nil},
		{"priming slow", []string{beforeSnapshot}, []string{"priming failed: R was not ready within 5s", "; it was in Sys.sleep(0.1) (orders.R:"}, []string{"LAMBDA_R_INIT_TIMEOUT=5s"}},
		{"snapshot stop", []string{beforeSnapshot}, []string{"an on_snapshot() hook failed", "no such table", "connect()"}, nil},
		{"snapshot quit", []string{beforeSnapshot}, []string{"an on_snapshot() hook failed: the R process", "status 3"}, nil},
		{"snapshot kill", []string{beforeSnapshot}, []string{"an on_snapshot() hook failed: the R process", "SIGKILL"}, nil},
		{"snapshot slow", []string{beforeSnapshot}, []string{"an on_snapshot() hook failed: R was not ready within 5s", "; it was in Sys.sleep(0.1) (orders.R:"}, []string{"LAMBDA_R_INIT_TIMEOUT=5s"}},
		{"restore stop", []string{"restore/next", afterRestore}, []string{"an on_restore() hook failed", "no such table", "connect()"}, nil},
		{"restore quit", []string{"restore/next", afterRestore}, []string{"an on_restore() hook failed: the R process", "status 3"}, nil},
		{"restore kill", []string{"restore/next", afterRestore}, []string{"an on_restore() hook failed: the R process", "SIGKILL"}, nil},
		{"restore slow", []string{"restore/next", afterRestore}, []string{"9s after the restore", "; it was in Sys.sleep(0.1) (orders.R:"}, nil},
		// One worker of several.
		{"snapshot stop", []string{beforeSnapshot}, []string{"an on_snapshot() hook failed"}, []string{"AWS_LAMBDA_MAX_CONCURRENCY=3", "ONCE=once"}},
		{"restore quit", []string{"restore/next", afterRestore}, []string{"an on_restore() hook failed", "status 3"}, []string{"AWS_LAMBDA_MAX_CONCURRENCY=3", "ONCE=once"}},
		// An R that survives its hook runs its shutdown hooks.
		{"snapshot stop", []string{beforeSnapshot}, []string{"an on_snapshot() hook failed", "shut down"}, []string{"SHUTDOWN_HOOK=1"}},
		{"restore stop", []string{"register", "restore/next", afterRestore}, []string{"an on_restore() hook failed", "shut down"}, []string{"SHUTDOWN_HOOK=1"}},
	} {
		t.Run(fmt.Sprint(row.fault, row.env), func(t *testing.T) {
			t.Parallel()
			env := append(inDir(t, row.env), "FAULT="+row.fault)
			r := startSnap(t, nil, env...)
			if slices.Contains(row.calls, "restore/next") {
				r.restore()
			}
			if code := r.exitCode(); code != 1 {
				t.Errorf("exit status %d, want 1", code)
			}
			r.calls(row.calls...)
			if n := r.rec.count("next"); n != 0 {
				t.Errorf("%d calls of /next", n)
			}
			for _, text := range row.text {
				if !strings.Contains(r.output(), text) {
					t.Errorf("the log does not have %q:\n%s", text, r.output())
				}
			}
			// The caller gets what was reported, with the stack of an R that could say where it was.
			e := r.failure(`{}`)
			if want := row.calls[len(row.calls)-1]; !strings.HasSuffix(want, " "+e.Type) || !strings.Contains(e.Message, row.text[0]) {
				t.Errorf("the caller gets %s: %s", e.Type, e.Message)
			}
			stack := strings.Join(e.Stack, "\n")
			for what, call := range map[string]string{"stop": "connect()", "slow": "wait_forever()"} {
				if strings.HasSuffix(row.fault, what) != strings.Contains(stack, call) {
					t.Errorf("the stack is\n%s", stack)
				}
			}
		})
	}
}

// inDir returns env with ONCE as a path in a folder of the test.
func inDir(t *testing.T, env []string) []string {
	t.Helper()
	var out []string
	for _, entry := range env {
		if name, ok := strings.CutPrefix(entry, "ONCE="); ok {
			entry = "ONCE=" + filepath.Join(t.TempDir(), name)
		}
		out = append(out, entry)
	}
	return out
}

// The phases run in this order, once each, and their output is attributed to them.
func TestSnapStartOrder(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"Text", "JSON"} {
		r := startSnap(t, nil, "AWS_LAMBDA_LOG_FORMAT="+format, "LOG_LEVEL=debug").waiting()
		if n := r.rec.count("next"); n != 0 {
			t.Errorf("%d calls of /next before the restore", n)
		}
		pid := r.restore().served()
		for _, phase := range []string{"priming", "snapshot", "restore"} {
			line := fmt.Sprintf(`in %s of %d [^\n]*phase=%s`, phase, pid, phase)
			if format == "JSON" {
				line = fmt.Sprintf(`"message":"in %s of %d "[^\n]*"phase":"%s"`, phase, pid, phase)
			}
			r.waitFor(line)
			if n := strings.Count(r.output(), "in "+phase+" of"); n != 1 {
				t.Errorf("the phase %s ran %d times:\n%s", phase, n, r.output())
			}
		}
		last := 0
		for _, text := range []string{"in priming", "in snapshot", "prepared for the snapshot", "in restore", "restored", "in the handler"} {
			at := strings.Index(r.output(), text)
			if at < last {
				t.Errorf("%q is at %d, after what follows it, in:\n%s", text, at, r.output())
			}
			last = at
		}
		r.calls("restore/next", "response")
	}
}

// A failed priming is a warning if the function says so. If R died of it, another R serves.
func TestSnapStartContinuesUnprimed(t *testing.T) {
	for fault, workers := range map[string]int{"priming stop": 1, "priming quit": 2, "priming kill": 2} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			r := startSnap(t, nil, "FAULT="+fault, "PRIME_ON_ERROR=continue", "LOG_LEVEL=debug", "LAMBDA_R_FORK=never")
			r.restore().served()
			r.waitFor(`WRN priming failed, continuing without it`)
			r.calls("restore/next", "response")
			if n := strings.Count(r.output(), "R process started"); n != workers {
				t.Errorf("%d R processes, want %d:\n%s", n, workers, r.output())
			}
			if n := strings.Count(r.output(), "in priming"); n != 1 {
				t.Errorf("it was primed %d times:\n%s", n, r.output())
			}
		})
	}
}

// An answer to /restore/next is final, except for a temporary one.
func TestSnapStartRestoreNext(t *testing.T) {
	for _, row := range []struct {
		name   string
		fault  faulty.Fault
		served bool
	}{
		{"403", faulty.Fault{Status: 403}, false},
		{"500", faulty.Fault{Status: 500}, false},
		{"503", faulty.Fault{Status: 503}, true},
		{"connection cut", faulty.Fault{Reset: true}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			first := make(chan struct{}, 1)
			first <- struct{}{}
			r := startSnap(t, func(c faulty.Call) faulty.Fault {
				if c.Op == faulty.OpRestoreNext {
					select {
					case <-first:
						return row.fault
					default:
					}
				}
				return faulty.Fault{}
			})
			if row.served {
				r.restore().served()
				r.calls("restore/next", "restore/next", "response")
				return
			}
			if code := r.exitCode(); code != 1 {
				t.Errorf("exit status %d, want 1", code)
			}
			r.calls("restore/next", beforeSnapshot)
			if n := r.rec.count("next"); n != 0 {
				t.Errorf("%d calls of /next", n)
			}
		})
	}
}

// The report of a failed restore may be refused.
func TestSnapStartRestoreErrorRefused(t *testing.T) {
	t.Parallel()
	r := startSnap(t, func(c faulty.Call) faulty.Fault {
		if c.Op == faulty.OpRestoreError {
			return faulty.Fault{Status: 403}
		}
		return faulty.Fault{}
	}, "FAULT=restore stop").restore()
	if code := r.exitCode(); code != 1 {
		t.Errorf("exit status %d, want 1", code)
	}
	r.calls("restore/next", afterRestore)
	r.waitFor(`restore error not reported`)
}

// An R that dies while bootstrap waits is replaced, without another /restore/next.
func TestSnapStartDeathWhileWaiting(t *testing.T) {
	t.Parallel()
	r := startSnap(t, nil, "AWS_LAMBDA_MAX_CONCURRENCY=2", "LOG_LEVEL=debug").waiting()
	victim, err := strconv.Atoi(r.waitFor(`in snapshot of (\d+)`)[1])
	if err != nil {
		t.Fatal(err)
	}
	proc.KillAll([]int{victim})
	r.waitFor(`(?s)worker died idle.*prepared for the snapshot`)
	r.restore()
	r.waitFor(`(?s)restored.*restored`)
	r.served()
	r.calls("restore/next", "response")
	if n := strings.Count(r.output(), "in snapshot"); n != 3 {
		t.Errorf("%d workers were prepared, want 3:\n%s", n, r.output())
	}
}

// An R that is spawned after the restore runs both kinds of hooks, and is not primed.
func TestSnapStartDeathAfterRestore(t *testing.T) {
	t.Parallel()
	r := startSnap(t, nil, "FAULT=handler kill").restore()
	if e := r.failure(`{"where":"handler"}`); e.Type != "Runtime.WorkerCrashed" {
		t.Errorf("got %+v", e)
	}
	pid := r.served()
	for phase, want := range map[string]int{"priming": 0, "snapshot": 1, "restore": 1} {
		if n := strings.Count(r.output(), fmt.Sprintf("in %s of %d ", phase, pid)); n != want {
			t.Errorf("the new R was in the phase %s %d times, want %d:\n%s", phase, n, want, r.output())
		}
	}
	r.calls("restore/next", "error Runtime.WorkerCrashed", "response")
}

// SIGTERM is an orderly end in each phase: the shutdown hooks run, and nothing is reported. The
// extension was registered before the wait for the restore.
func TestSnapStartShutdown(t *testing.T) {
	t.Parallel()
	r := startSnap(t, nil, "SHUTDOWN_HOOK=1").waiting()
	r.Signal(syscall.SIGTERM)
	if code := r.exitCode(); code != 0 {
		t.Errorf("exit status %d, want 0", code)
	}
	r.waitFor(`shut down`)
	r.calls("register", "restore/next")

	for phase, calls := range map[string][]string{
		"priming": {}, "snapshot": {}, "restore": {"register", "restore/next"},
	} {
		r := startSnap(t, nil, "SHUTDOWN_HOOK=1", "FAULT="+phase+" slow")
		if phase == "restore" {
			r.restore()
		}
		r.waitFor(`in ` + phase + ` of`)
		r.Signal(syscall.SIGTERM)
		if code := r.exitCode(); code != 0 {
			t.Errorf("%s: exit status %d, want 0", phase, code)
		}
		r.calls(calls...)
		r.noProcessLeft()
	}
}

// After the restore, the function is served with its extension as any other.
func TestSnapStartExtension(t *testing.T) {
	t.Parallel()
	r := startSnap(t, nil, "SHUTDOWN_HOOK=1").restore()
	r.served()
	r.calls("register", "restore/next", "response")
	r.Signal(syscall.SIGTERM)
	if code := r.exitCode(); code != 0 {
		t.Errorf("exit status %d, want 0", code)
	}
	r.waitFor(`shut down`)
}
