package durable

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"lambda-r-runtime/durable"
	backend "lambda-r-runtime/emulator/durable"
	"lambda-r-runtime/protocol"
)

var (
	chaosSeed   = flag.Uint64("durable.seed", 1, "the first seed of TestChaos")
	chaosRounds = flag.Int("durable.rounds", 25, "the executions of TestChaos, each with a seed")
)

// A program is a handler of 20 operations in Go, which remembers what it has done.
type program struct {
	mu    sync.Mutex
	runs  map[string]int  // by step
	once  map[string]int  // the runs of each attempt of a step that is at most once
	known map[string]bool // the steps whose value was stored, as far as the handler knows
	bad   []string
}

// suspended ends an invocation.
type suspended struct{}

// crashed ends an invocation without an answer.
type crashed struct{ flush bool }

func (p *program) fail(format string, a ...any) { p.bad = append(p.bad, fmt.Sprintf(format, a...)) }

// run runs the handler. Operate panics with crashed or suspended.
func (p *program) run(operate func(protocol.Operation, []byte) (protocol.Outcome, []byte)) (sum int) {
	do := func(op protocol.Operation, payload []byte) (protocol.Outcome, []byte) {
		outcome, stored := operate(op, payload)
		if outcome.Stop {
			panic(suspended{})
		}
		return outcome, stored
	}
	for i := range 20 {
		id := fmt.Sprint(i + 1)
		if i%5 == 4 {
			op := protocol.Operation{ID: id, Type: "WAIT", SubType: "Wait", Action: protocol.ActionStart, WaitSeconds: 3600}
			if outcome, _ := do(op, nil); outcome.Status != durable.StatusSucceeded {
				panic(suspended{})
			}
			continue
		}
		sum += p.step(do, id, i, i%5 == 2)
	}
	return sum
}

// step runs a step, which is tried again when an attempt of it was interrupted.
func (p *program) step(do func(protocol.Operation, []byte) (protocol.Outcome, []byte), id string, value int, once bool) int {
	op := protocol.Operation{ID: id, Type: "STEP", SubType: "Step", Name: "s" + id, Action: protocol.ActionStart, Await: once}
	outcome, stored := do(op, nil)
	switch {
	case outcome.Status == durable.StatusSucceeded:
		var n int
		if json.Unmarshal(stored, &n) != nil || n != value {
			p.fail("step %s has the value %s, want %d", id, stored, value)
		}
		return n
	case outcome.Status == durable.StatusPending:
		panic(suspended{})
	case once && outcome.Status == durable.StatusStarted:
		op.Action, op.DelaySeconds, op.Error = protocol.ActionRetry, 1, &protocol.ExecutionError{Type: "Interrupted"}
		do(op, nil)
		panic(suspended{})
	}
	if p.known[id] {
		p.fail("step %s runs again after its value was stored", id)
	}
	p.runs[id]++
	if once {
		attempt := fmt.Sprintf("%s attempt %d", id, outcome.Attempt)
		if p.once[attempt]++; p.once[attempt] > 1 {
			p.fail("step %s ran twice", attempt)
		}
	}
	op.Action = protocol.ActionSucceed
	do(op, []byte(fmt.Sprint(value)))
	p.known[id] = true
	return value
}

// execute runs one execution with faults, and returns its result.
func execute(t *testing.T, p *program, d *disturbance, tamper func(http.Handler) http.Handler) backend.Result {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	var client *durable.Client
	invoke := func(ctx context.Context, _ string, event []byte) (r backend.Result, err error) {
		x := durable.Begin(ctx, time.Time{}, client, event, log)
		defer x.Close()
		return p.invoke(x, d), nil
	}
	b, err := backend.New(backend.Config{Invoke: invoke, Prefix: "arn:aws:lambda:us-east-1:1:function:", SkipTime: true, PageSize: 900, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	api := b.Handler(http.NotFoundHandler(), func(context.Context) bool { return true })
	server := httptest.NewUnstartedServer(tamper(d.wrap(api)))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	server.Start()
	defer server.Close()
	client = durable.NewLocalClient(server.URL)
	result, err := b.Run(t.Context(), "f", []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// invoke runs one invocation, which may die at any operation.
func (p *program) invoke(x *durable.Execution, d *disturbance) (r backend.Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	answer := func(a durable.Answer, err error) backend.Result {
		if err != nil {
			return backend.Result{Body: []byte(`{"errorType":"Runtime.CheckpointFailed"}`), FunctionError: true}
		}
		return backend.Result{Body: a.Encode()}
	}
	defer func() {
		switch why := recover().(type) {
		case nil:
		case suspended:
			r = answer(x.Suspended())
		case crashed:
			if why.flush { // R has died, bootstrap has not
				x.Flush()
			}
			r = backend.Result{Body: []byte(`{"errorType":"Runtime.WorkerCrashed"}`), FunctionError: true}
		default:
			panic(why)
		}
	}()
	for !x.Stopped() {
		again := func() (again bool) {
			defer func() {
				if why := recover(); why != nil {
					if _, ok := why.(suspended); !ok || !x.Again() {
						panic(why)
					}
					again = true
				}
			}()
			x.Frame()
			sum := p.run(func(op protocol.Operation, payload []byte) (protocol.Outcome, []byte) {
				kind := d.strikes(3)
				if kind == 1 {
					panic(crashed{flush: d.left%2 == 0})
				}
				outcome, stored := x.Operate(op, payload)
				if kind == 2 {
					panic(crashed{flush: d.left%2 == 0})
				}
				return outcome, stored
			})
			r = answer(x.Succeeded([]byte(fmt.Sprint(sum))))
			return false
		}()
		if !again {
			return r
		}
	}
	return answer(x.Suspended())
}

func newProgram() *program {
	return &program{runs: map[string]int{}, once: map[string]int{}, known: map[string]bool{}}
}

// undisturbed is the sum of the values of the steps of a program.
const undisturbed = "144"

func asIs(next http.Handler) http.Handler { return next }

// Whatever breaks, the result is that of the undisturbed run, and no step runs once its value is known to be
// stored.
func TestChaos(t *testing.T) {
	for i := range *chaosRounds {
		seed := *chaosSeed + uint64(i)
		p, d := newProgram(), newDisturbance(seed, 8)
		if i == 0 {
			d = newDisturbance(seed, 0)
		}
		r := execute(t, p, d, asIs)
		if r.FunctionError || string(r.Body) != undisturbed {
			t.Errorf("seed %d: the result is %s, want %s", seed, r.Body, undisturbed)
		}
		if len(p.runs) != 16 || len(p.bad) > 0 {
			t.Errorf("seed %d: %d steps ran, want 16; %v", seed, len(p.runs), p.bad)
		}
	}
}

// reuseToken makes a client use its first token for all checkpoints.
func reuseToken(next http.Handler) http.Handler {
	first := ""
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/checkpoint") {
			request := readCheckpoint(r)
			if first == "" {
				first = request.CheckpointToken
			}
			request.CheckpointToken = first
			body, err := json.Marshal(request)
			if err != nil {
				panic(err) // strings and numbers cannot fail
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		next.ServeHTTP(w, r)
	})
}

// readCheckpoint returns the body of a call, which can be read again.
func readCheckpoint(r *http.Request) (request durable.CheckpointRequest) {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &request)
	}
	if err != nil {
		panic(http.ErrAbortHandler) // the client has died
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return request
}

// A client that uses a token twice is noticed.
func TestTokenUsedTwice(t *testing.T) {
	r := execute(t, newProgram(), newDisturbance(1, 0), reuseToken)
	if !r.FunctionError {
		t.Errorf("the execution has succeeded with %s", r.Body)
	}
}
