package console

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
	"lambda-r-runtime/supervisor"
)

func newConsole(t *testing.T) *Console {
	t.Helper()
	c := New(Config{
		Info: Info{Handler: "functions.run", Slots: 1}, Root: t.TempDir(),
		Memory: func() []Memory { return nil },
		Report: func(err error) *runtimeapi.ErrorReport { return &runtimeapi.ErrorReport{Message: err.Error()} },
	})
	t.Cleanup(c.Close)
	return c
}

func at(state supervisor.State) supervisor.At {
	return supervisor.At{Time: time.Now(), State: state}
}

// invoke takes an invocation through its life.
func invoke(c *Console, id string, event, result []byte, lines int) {
	c.Called(emulator.Call{ID: id, Event: event, Time: time.Now()})
	inv := supervisor.Invocation{ID: id, Received: time.Now()}
	c.Observe(supervisor.Received{At: at(supervisor.StateReady), Invocation: inv})
	c.Observe(supervisor.Dispatched{At: at(supervisor.StateBusy), Invocation: inv, PID: 7})
	log := slog.New(c.Tee(slog.DiscardHandler)).With("request_id", id)
	for range lines {
		// The worker calls the handler itself.
		_ = log.Handler().Handle(context.Background(), slog.NewRecord(time.Now(), slog.LevelInfo, strings.Repeat("x", 100), 0))
	}
	c.Observe(supervisor.Answered{At: at(supervisor.StateReady), Invocation: inv, PID: 7, RTime: time.Second, Steps: &protocol.Steps{Handler: 900}})
	c.Ended(id, emulator.Result{Body: result}, true)
	c.Observe(supervisor.Reported{At: at(supervisor.StateReady), Invocation: inv, PID: 7, RSS: 1 << 20})
}

// The latest thousand invocations are kept, and of them at most maxBytes, however many there are.
func TestWhatIsKeptIsBounded(t *testing.T) {
	c := newConsole(t)
	c.Observe(supervisor.Ready{At: at(supervisor.StateReady), Stats: protocol.WorkerStats{PID: 7}})
	large := make([]byte, 100_000)
	for i := range 10_000 {
		invoke(c, fmt.Sprint(i), large, large, 20)
		c.Observe(supervisor.Lost{At: at(supervisor.StateReaped), PID: 7})
		c.Observe(supervisor.Ready{At: at(supervisor.StateReady), Stats: protocol.WorkerStats{PID: 7, RSS: int64(i)}})
		slog.New(c.Tee(slog.DiscardHandler)).Info("no invocation")
	}
	if len(c.order) != maxInvocations || len(c.invocations) != maxInvocations {
		t.Errorf("%d and %d invocations", len(c.order), len(c.invocations))
	}
	kept := 0
	for _, inv := range c.order {
		kept += inv.size
	}
	if kept != c.bytes || kept > maxBytes {
		t.Errorf("%d bytes are kept, %d are counted, at most %d may be", kept, c.bytes, maxBytes)
	}
	if c.order[0].detail != nil || c.order[maxInvocations-1].detail == nil {
		t.Error("the details of the newest invocation must be kept, and those of the oldest given up")
	}
	for name, n := range map[string][2]int{
		"spans": {len(c.spans), maxSpans * 5 / 4}, "samples": {len(c.samples), maxSamples * 5 / 4}, "lines": {len(c.lines), maxLines * 5 / 4},
	} {
		if n[0] > n[1] {
			t.Errorf("%d %s", n[0], name)
		}
	}
}

// The log of one invocation is bounded, too.
func TestLinesOfOneInvocationAreBounded(t *testing.T) {
	c := newConsole(t)
	invoke(c, "1", nil, nil, 5*maxLinesOf)
	d := c.invocations["1"].detail
	if len(d.lines) != maxLinesOf || d.lost != 4*maxLinesOf {
		t.Errorf("%d lines are kept, %d are lost", len(d.lines), d.lost)
	}
}

// A browser that was away gets what has changed since, and nothing else. One of another bootstrap gets
// everything.
func TestCatchUp(t *testing.T) {
	c := newConsole(t)
	invoke(c, "1", nil, nil, 0)
	full, seen, _ := c.since(0)
	if !full.Full || len(full.Invocations) != 1 || full.Info == nil {
		t.Errorf("the first message is %+v", full)
	}
	if m, _, wake := c.since(seen); m != nil || wake == nil {
		t.Errorf("nothing has changed, and the message is %+v", m)
	}
	_, _, wake := c.since(seen)
	invoke(c, "2", nil, nil, 0)
	<-wake
	m, _, _ := c.since(seen)
	if m.Full || len(m.Invocations) != 1 || m.Invocations[0].ID != "2" || m.Invocations[0].State != stateOK {
		t.Errorf("the message is %+v", m)
	}
	for id, want := range map[string]uint64{
		fmt.Sprintf("%s-%d", c.boot, seen): seen,
		fmt.Sprintf("other-%d", seen):      0,
		c.boot + "-999999":                 0,
		c.boot + "--1":                     0,
		"garbage":                          0,
		"":                                 0,
	} {
		r := httptest.NewRequest("GET", Path+"/events", nil)
		r.Header.Set("Last-Event-ID", id)
		if got := c.position(r); got != want {
			t.Errorf("%q: position %d, want %d", id, got, want)
		}
	}
}

// A stream ends when its browser leaves, or the console is closed, and there are not too many.
func TestStreams(t *testing.T) {
	c := newConsole(t)
	server := httptest.NewServer(c.Over(http.NotFoundHandler()))
	defer server.Close()
	connect := func() (*http.Response, context.CancelFunc) {
		ctx, leave := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(ctx, "GET", server.URL+Path+"/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		return response, leave
	}
	firstMessage := func(r *http.Response) message {
		lines := bufio.NewReader(r.Body)
		_, _ = lines.ReadString('\n') // the id
		text, err := lines.ReadString('\n')
		var m message
		if err == nil {
			err = json.Unmarshal([]byte(strings.TrimPrefix(text, "data: ")), &m)
		}
		if err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		return m
	}
	for range 3 * maxStreams { // more than may be open at once
		r, leave := connect()
		if r.StatusCode != http.StatusOK || !firstMessage(r).Full {
			t.Fatalf("status %d", r.StatusCode)
		}
		leave()
		r.Body.Close()
		for c.streams.Load() > 0 { // until the server has seen that
			runtime.Gosched()
		}
	}
	var open []*http.Response
	for range maxStreams {
		r, leave := connect()
		defer leave()
		open = append(open, r)
	}
	refused, leave := connect()
	defer leave()
	if refused.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one more has status %d", refused.StatusCode)
	}
	c.Close()
	for _, r := range open {
		for lines := bufio.NewScanner(r.Body); lines.Scan(); {
		}
	}
}

// An invocation that R never saw has the state that its caller saw.
func TestUnseenInvocations(t *testing.T) {
	c := newConsole(t)
	for id, end := range map[string]func(){
		stateFailed:  func() { c.Ended(stateFailed, emulator.Result{FunctionError: true, Body: []byte("{}")}, true) },
		stateLeft:    func() { c.Ended(stateLeft, emulator.Result{}, false) },
		stateRefused: func() { c.Ended(stateRefused, emulator.Result{}, false); c.refused(stateRefused) },
		stateWaiting: func() {},
	} {
		c.Called(emulator.Call{ID: id})
		end()
		if got := c.invocations[id].State; got != id {
			t.Errorf("state %s, want %s", got, id)
		}
	}
}

// A failed spawn is shown until a worker is ready.
func TestFailure(t *testing.T) {
	c := newConsole(t)
	c.Observe(supervisor.SpawnFailed{At: at(supervisor.StateReaped), Err: &protocol.HandlerError{Message: "no"}, Init: true})
	if m, _, _ := c.since(0); m.Failure == nil || m.Failure.Report == nil || !m.Failure.Init {
		t.Errorf("the failure is %+v", m.Failure)
	}
	c.Observe(supervisor.Ready{At: at(supervisor.StateReady), Stats: protocol.WorkerStats{PID: 7}})
	if m, _, _ := c.since(0); m.Failure == nil || m.Failure.Report != nil {
		t.Errorf("the failure is %+v", m.Failure)
	}
}
