package e2e

import (
	"strings"
	"testing"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/emulator/faulty"
	"lambda-r-runtime/test/kit/lambda"
)

// A recorder is the Runtime API of a test: the emulator, and a record of bootstrap's calls.
type recorder struct {
	*lambda.Recorder
	URL string
}

// fault returns the fault of a call, see faulty.Handler. If nil, no call is broken.
type fault func(faulty.Call) faulty.Fault

func newRecorder(t *testing.T, timeout time.Duration, fault fault) *recorder {
	rec := lambda.Record(emulator.New(emulator.Config{Timeout: timeout}), fault)
	return &recorder{rec, lambda.Serve(t, rec)}
}

// Env returns the environment in which Lambda starts bootstrap.
func (rec *recorder) Env(handler string, more ...string) []string {
	return lambda.Env(rec.URL, handler, more...)
}

// describe names a call and the error type that it reports: "response", "error Runtime.WorkerCrashed".
func describe(c lambda.Call) string { return strings.TrimSpace(c.Op + " " + c.ErrorType) }

// reports returns the calls so far, except those of /next.
func (rec *recorder) reports() []string {
	reports := []string{}
	for _, c := range rec.Calls(func(c lambda.Call) bool { return !c.Ended && c.Op != faulty.OpNext }) {
		reports = append(reports, describe(c))
	}
	return reports
}

// count returns how many calls begin with prefix.
func (rec *recorder) count(prefix string) int {
	return len(rec.Calls(func(c lambda.Call) bool { return !c.Ended && strings.HasPrefix(describe(c), prefix) }))
}

// waitForPolls waits until /next was called n times.
func (rec *recorder) waitForPolls(t *testing.T, n int) {
	t.Helper()
	if polls := rec.Await(patience, n, lambda.Begun(faulty.OpNext)); len(polls) < n {
		t.Fatalf("/next was called %d times, want %d", len(polls), n)
	}
}

// startLambda starts bootstrap as Lambda does, in testdata/dir, with rec as its Runtime API.
func startLambda(t *testing.T, rec *recorder, dir, handler string, env ...string) (*program, function) {
	t.Helper()
	return start(t, dir, rec.Env(handler, env...)), function{t, rec.URL}
}
