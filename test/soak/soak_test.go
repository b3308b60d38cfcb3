package soak

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	hoursFlag       = flag.Float64("soak.hours", 0, "how long to run; if 0, -soak.invocations counts")
	invocationsFlag = flag.Int("soak.invocations", 500, "how many invocations to make")
	seedFlag        = flag.Uint64("soak.seed", 1, "the seed of the mix")
)

// laps is how many laps a soak has that is not timed.
const laps = 12

// history is how many invocations the console keeps. Until it has that many, the heap grows.
const history = 1000

// A plan is a soak of one bootstrap.
type plan struct {
	name    string
	workers int
	callers int // how many call at the same time
	forks   bool
	mix     []kind
	share   float64 // of -soak.invocations
}

// In the steady plan no worker is lost, so what drifts inside R shows. In the stormy plans workers
// crash, hang and are killed, and callers leave; with forked workers, templates and watchdogs are
// killed, too. The forked plan recycles workers, so that there are many forks of one template.
var plans = []plan{
	{"steady", 2, 3, false, steady, 0.6},
	{"stormy", 4, 6, false, slices.Concat(steady, stormy), 0.1},
	{"forked", 2, 3, true, steady, 0.2},
	{"forked-stormy", 4, 6, true, slices.Concat(steady, stormy, forked), 0.1},
}

// env returns the environment of the plan.
func (p plan) env() []string {
	if !p.forks {
		return []string{"LAMBDA_R_FORK=never"}
	}
	return []string{"LAMBDA_R_FORK=always", "LAMBDA_R_MAX_INVOCATIONS=20"}
}

// TestSoak fails if an answer is wrong, or if something drifts.
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("needs R")
	}
	t.Parallel()
	program := build(t)
	for _, p := range plans {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel() // the stormy plan often waits for a deadline
			a := start(t, program, p)
			for _, drift := range drifts(a.soak(p)) {
				t.Error(drift)
			}
			switch p.name {
			case "steady":
				a.compareLatency(start(t, program, p))
			case "forked":
				for _, w := range a.facts() {
					if w.Loader == w.PID {
						t.Errorf("worker %d was not forked", w.PID)
					}
				}
			}
		})
	}
}

// soak makes the invocations of a plan and returns a sample of each lap.
func (a *arena) soak(p plan) (samples []sample) {
	a.t.Helper()
	lap := max(1, int(p.share*float64(*invocationsFlag))/laps)
	most := time.Duration(*hoursFlag * float64(time.Hour))
	first := lap // loads and compiles code
	if laps*lap > history/2 {
		first = max(lap, history)
	}
	began, n := time.Now(), first-lap
	a.lap(p, 0, first)
	for len(samples) < laps || time.Since(began) < most {
		samples = append(samples, a.measure())
		n += lap
		a.lap(p, n, lap)
	}
	samples = append(samples, a.measure())
	last := samples[len(samples)-1]
	for _, l := range limits {
		if _, measured := last[l.measure]; !measured {
			continue
		}
		a.t.Logf("%-30s %8.4g → %.4g %s", l.measure, samples[0][l.measure], last[l.measure], l.unit)
	}
	a.t.Logf("%d invocations in %v", n+lap, time.Since(began).Round(time.Second))
	return samples
}

// lap makes n invocations, whose numbers begin at first.
func (a *arena) lap(p plan, first, n int) {
	a.t.Helper()
	var next atomic.Int64
	var wrong sync.Map
	var callers sync.WaitGroup
	for range p.callers {
		callers.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				number := first + int(i)
				k := choose(p.mix, rand.New(rand.NewPCG(*seedFlag, uint64(number))))
				if err := k.call(a, fmt.Sprintf("%s-%d", p.name, number)); err != nil {
					wrong.LoadOrStore(k.name, fmt.Errorf("invocation %d: %w", number, err))
				}
			}
		})
	}
	callers.Wait()
	wrong.Range(func(name, err any) bool {
		a.t.Errorf("%s: %v", name, err)
		return true
	})
	if a.t.Failed() {
		a.t.Fatalf("bootstrap printed:\n%s", tail(a.program.Output.String()))
	}
}

// choose draws a kind by weight.
func choose(mix []kind, random *rand.Rand) kind {
	total := 0.0
	for _, k := range mix {
		total += k.weight
	}
	at := random.Float64() * total
	for _, k := range mix {
		if at -= k.weight; at < 0 {
			return k
		}
	}
	return mix[0] // rounding
}

func tail(text string) string { return text[max(0, len(text)-2_000):] }

// compareLatency compares the latency of a soaked bootstrap with that of a fresh one, call by call,
// so that other load on the machine meets both.
func (a *arena) compareLatency(fresh *arena) {
	a.t.Helper()
	const n = 500
	var soaked, other []time.Duration
	for i := range 2 * n {
		of, ofFresh := a.took(i), fresh.took(i)
		if i >= n { // until then the fresh one warms up
			soaked, other = append(soaked, of), append(other, ofFresh)
		}
	}
	slices.Sort(soaked)
	slices.Sort(other)
	p50, freshP50 := soaked[n/2], other[n/2]
	a.t.Logf("latency, p50: %v soaked, %v fresh", p50, freshP50)
	if p50 > freshP50*3/2+500*time.Microsecond {
		a.t.Errorf("latency, p50: %v, but %v when fresh, and half as much again and 0.5 ms are allowed", p50, freshP50)
	}
}

// took returns how long an invocation takes.
func (a *arena) took(i int) time.Duration {
	a.t.Helper()
	began := time.Now()
	if err := echo(a, fmt.Sprint(i)); err != nil {
		a.t.Fatal(err)
	}
	return time.Since(began)
}

// TestSoakFindsLeaks soaks a bootstrap and an R that leak, which must be found.
func TestSoakFindsLeaks(t *testing.T) {
	if testing.Short() {
		t.Skip("needs R")
	}
	t.Parallel()
	p := plan{"leaking", 2, 3, false, steady, 0.5}
	a := start(t, build(t), p, "SOAK_PLANT=yes")
	grown := drifts(a.soak(p))
	for _, measure := range []string{
		"live heap of bootstrap", "goroutines", "file descriptors of bootstrap", "files in TMPDIR", "heap of R", "connections of R",
	} {
		if !slices.ContainsFunc(grown, func(drift string) bool { return strings.HasPrefix(drift, measure) }) {
			t.Errorf("the soak does not find that the %s grow; it finds %q", measure, grown)
		}
	}
}
