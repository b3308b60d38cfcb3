package chaos

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lambda-r-runtime/test/kit/board"
	"lambda-r-runtime/test/kit/proc"
	"lambda-r-runtime/worker"
	"lambda-r-runtime/worker/process"
)

func TestMain(m *testing.M) {
	if os.Getenv(actAs) != "" {
		playFake()
		return
	}
	inherited = proc.Pipes(os.Getpid())
	os.Exit(m.Run())
}

// The lanes of the fake harness.
const (
	quick = "quick" // the worker ends by itself or not at all; takes milliseconds
	slow  = "slow"  // only a time limit ends the worker
	lone  = "lone"  // the supervisor ends
)

// A fakeHarness runs fakes under a real supervisor, real pipes and real HTTP.
type fakeHarness struct {
	rec    *record
	bin    string // this test binary
	script *worker.Script
	dir    string // for all files
	mark   string // in the environment of every process
	rounds int
	forks  bool // workers are forked
}

func newFakeHarness(t *testing.T, rec *record, rounds int, forks bool) *fakeHarness {
	t.Helper()
	bin, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script, err := worker.NewScript(nil, nil) // a fake needs no script
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { script.Close() })
	mark := fmt.Sprintf("CHAOS_MARK=%d-%d", os.Getpid(), time.Now().UnixNano())
	t.Cleanup(func() { // runs last, after a failure too
		proc.KillAll(proc.Marked(mark))
	})
	return &fakeHarness{rec: rec, bin: bin, script: script, dir: t.TempDir(), mark: mark, rounds: rounds, forks: forks}
}

func (h *fakeHarness) lanes() map[string]int {
	if h.small() { // starting an arena takes longer than a round
		return map[string]int{quick: 3, slow: 8, lone: 2}
	}
	return map[string]int{quick: 6, slow: 24, lone: 3}
}

func (h *fakeHarness) lane(c cell) (string, int) {
	switch c.fault {
	case "SIGSTOP", "SIGSTOP until the deadline, then SIGCONT", "truncated header", "reply after the deadline",
		"never reads", "loop that ignores SIGINT", "/next fails for a while",
		"template SIGSTOP", "middle process SIGKILL":
		if c.state != draining {
			return slow, 1
		}
	case "/response 500":
		return lone, 1
	}
	switch {
	case c.state == draining:
		return lone, 1
	case c.state == spawning, c.fault == "closes fd 4", c.fault == "/next resets", c.fault == "/next 503", c.needsForks(): // these take about 100 ms
		return quick, 3
	}
	return quick, 12
}

// small reports whether this is a run among other tests. The machine may be busy then, so that
// time limits need more room.
func (h *fakeHarness) small() bool { return h.rounds < 1000 }

func (h *fakeHarness) open(lane string) injector {
	switch lane {
	case quick:
		return h.mustArena(3, 10*time.Second, 2*time.Second, 10*time.Second)
	case slow:
		if h.small() || h.forks { // the limit of a fork is part of that of a spawn
			return h.mustArena(2, 3*time.Second, 1500*time.Millisecond, 3*time.Second)
		}
		return h.mustArena(2, time.Second, 400*time.Millisecond, time.Second)
	default:
		return loneInjector{h}
	}
}

func (h *fakeHarness) mustArena(slots int, timeout, margin, initTimeout time.Duration) *arena {
	a, err := h.newArena(slots, timeout, margin, initTimeout)
	if err != nil {
		panic(err) // this machine has no pipes or no folder for them
	}
	return a
}

// close ends the supervisor and checks that it leaves nothing behind.
func (a *arena) close() []violation {
	a.Update(func() { a.closing = true })
	a.stop()
	if !a.Wait(patience, func() bool { return !a.running() }) {
		panic(fmt.Sprintf("the supervisor does not end: %+v", a.slots))
	}
	a.Update(func() {
		if a.err != nil {
			a.violate(inv6, "Run: %v", a.err)
		}
	})
	return a.free()
}

// free releases what is left after the supervisor has ended, and checks that it is little.
func (a *arena) free() []violation {
	a.client.Close()
	a.server.Close()
	gone := func() bool { return !slices.ContainsFunc(a.slots, func(s slotLog) bool { return s.worker != nil }) }
	left := !a.Wait(soon, gone)
	a.stop()              // and keepTemplate, if the supervisor has ended by itself
	_ = a.journal.Close() // the reader ends; nothing is buffered
	a.goroutines.Wait()
	process.EndWatchdog() // the template may have ended before the last worker
	a.Lock()
	defer a.Unlock()
	if left {
		a.violate(inv6, "a worker outlived the supervisor")
	}
	a.checkProcesses(nil)
	return a.broken
}

// TestChaosFake runs the cells of the fake harness.
func TestChaosFake(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	runFake(t, "fake", false)
}

// TestChaosFakeForked does so with forked workers. It runs in a process of its own, where the package
// process reaps all children: elsewhere, other tests wait for theirs.
func TestChaosFakeForked(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	if os.Getenv("CHAOS_FORKED") != "" {
		runFake(t, "fake, forked,", true)
		return
	}
	bin, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), bin, "-test.run=^TestChaosFakeForked$", "-test.v", "-test.timeout=80m",
		fmt.Sprintf("-chaos.seed=%d", *seedFlag), fmt.Sprintf("-chaos.rounds=%d", *roundsFlag), "-chaos.cells="+*cellsFlag)
	cmd.Env = append(os.Environ(), "CHAOS_FORKED=1")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}

func runFake(t *testing.T, name string, forks bool) {
	t.Helper()
	cells := cellsFor(fakeR, forks, *cellsFlag)
	rounds := *roundsFlag
	rec := newRecord(name, *seedFlag, cells)
	h := newFakeHarness(t, rec, rounds, forks)

	// The first arena starts the thread that starts processes. It stays.
	warm := h.mustArena(1, time.Second, 400*time.Millisecond, 10*time.Second)
	rec.wrong(cell{"warm up", ready}, warm.close())
	fds, goroutines := proc.OpenFDs(), goleak.IgnoreCurrent()

	runSuite(t, h, rec, rounds)

	var left []violation
	if pids := proc.WaitGone(soon, proc.Marked(h.mark)...); len(pids) > 0 {
		left = append(left, violation{inv6, fmt.Sprintf("processes %v are left", pids)})
	}
	if err := goleak.Find(goroutines); err != nil {
		left = append(left, violation{inv6, err.Error()})
	}
	now := fds
	if !board.Poll(soon, func() bool { now = proc.OpenFDs(); return len(now) <= len(fds) }) {
		left = append(left, violation{inv6, fmt.Sprintf("file descriptors %v, before %v", now, fds)})
	}
	rec.wrong(cell{"all over", ready}, left)
	rec.report(t)
}
