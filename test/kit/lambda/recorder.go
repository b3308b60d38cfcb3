package lambda

import (
	"net/http"
	"time"

	"lambda-r-runtime/emulator/faulty"
	"lambda-r-runtime/test/kit/board"
)

// A Recorder is a Runtime API with faults, and a record of its calls.
type Recorder struct {
	faulty.Handler

	board board.Board
	calls []Call
}

// A Call is a call of the Runtime API that has begun or ended.
type Call struct {
	faulty.Call
	At time.Time
}

// Record returns api, usually an emulator, with its calls recorded. Fault, if not nil, breaks them.
func Record(api http.Handler, fault func(faulty.Call) faulty.Fault) *Recorder {
	r := &Recorder{}
	r.Handler = faulty.Handler{Next: api, Fault: fault, Observe: r.observe}
	return r
}

func (r *Recorder) observe(c faulty.Call) {
	r.board.Update(func() { r.calls = append(r.calls, Call{c, time.Now()}) })
}

// Calls returns the calls so far for which keep returns true.
func (r *Recorder) Calls(keep func(Call) bool) []Call {
	r.board.Lock()
	defer r.board.Unlock()
	return filter(r.calls, keep)
}

// Forget forgets the calls so far.
func (r *Recorder) Forget() { r.board.Update(func() { r.calls = nil }) }

// Await waits until there are n calls for which keep returns true, at most for a time, and returns
// those there are.
func (r *Recorder) Await(most time.Duration, n int, keep func(Call) bool) (kept []Call) {
	r.board.Wait(most, func() bool {
		kept = filter(r.calls, keep)
		return len(kept) >= n
	})
	return kept
}

func filter(calls []Call, keep func(Call) bool) (kept []Call) {
	for _, c := range calls {
		if keep(c) {
			kept = append(kept, c)
		}
	}
	return kept
}

// Begun keeps the calls of op that begin.
func Begun(op string) func(Call) bool {
	return func(c Call) bool { return c.Op == op && !c.Ended }
}

// Done keeps the calls of op that have ended.
func Done(op string) func(Call) bool {
	return func(c Call) bool { return c.Op == op && c.Ended }
}
