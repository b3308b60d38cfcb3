// Package lambda runs bootstrap as AWS Lambda does, for tests: it builds the program, starts it
// under an emulator, records its calls of the Runtime API, and invokes the function.
package lambda

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"lambda-r-runtime/emulator/faulty"
	"lambda-r-runtime/test/kit/board"
)

// A Server serves a Runtime API and records its calls.
type Server struct {
	URL     string       // http://127.0.0.1:port
	Handler http.Handler // what it serves, with the faults

	board board.Board
	calls []Call
}

// A Call is a call of the Runtime API that has begun or ended.
type Call struct {
	faulty.Call
	At time.Time
}

// Serve serves api, usually an emulator, until the test ends. Fault, if not nil, breaks calls.
func Serve(t testing.TB, api http.Handler, fault func(faulty.Call) faulty.Fault) *Server {
	s := &Server{}
	s.Handler = &faulty.Handler{Next: api, Fault: fault, Observe: s.observe}
	server := httptest.NewServer(s.Handler)
	s.URL = server.URL
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return s
}

func (s *Server) observe(c faulty.Call) {
	s.board.Update(func() { s.calls = append(s.calls, Call{c, time.Now()}) })
}

// Env returns more, and the environment in which Lambda starts bootstrap for a handler.
func (s *Server) Env(handler string, more ...string) []string {
	return append(more, "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(s.URL, "http://"), "_HANDLER="+handler)
}

// Calls returns the calls so far for which keep returns true.
func (s *Server) Calls(keep func(Call) bool) (kept []Call) {
	s.board.Read(func() { kept = filter(s.calls, keep) })
	return kept
}

// Forget forgets the calls so far.
func (s *Server) Forget() { s.board.Update(func() { s.calls = nil }) }

// Await waits until there are n calls for which keep returns true, at most for a time, and returns
// those there are.
func (s *Server) Await(most time.Duration, n int, keep func(Call) bool) (kept []Call) {
	s.board.Wait(most, func() bool {
		kept = filter(s.calls, keep)
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

// Begun returns a filter of calls of op that begin.
func Begun(op string) func(Call) bool {
	return func(c Call) bool { return c.Op == op && !c.Ended }
}

// Done returns a filter of calls of op that have ended.
func Done(op string) func(Call) bool {
	return func(c Call) bool { return c.Op == op && c.Ended }
}
