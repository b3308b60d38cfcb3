package durable

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	wire "lambda-r-runtime/durable"
	"lambda-r-runtime/emulator"
	backend "lambda-r-runtime/emulator/durable"
	"lambda-r-runtime/emulator/faulty"
	"lambda-r-runtime/protocol/runtimeapi"
	"lambda-r-runtime/test/kit/lambda"
	"lambda-r-runtime/test/kit/proc"
)

var realRounds = flag.Int("durable.realrounds", 6, "the executions of TestRealChaos, each with a seed")

// An environment is Lambda with a durable function: an emulator, a backend, and bootstrap with R,
// which is started again whenever it ends.
type environment struct {
	t         testing.TB
	bootstrap string
	dir       string // of the handler's plan and runs
	emu       *emulator.Emulator
	url       string // of the Runtime API
	backend   *backend.Backend
	api       string // the URL of the backend
	done      chan struct{}
	keeper    sync.WaitGroup

	mu      sync.Mutex
	program *lambda.Program
	handed  string         // the invocation that bootstrap runs
	calls   http.Handler   // serves calls of the backend, and may break them
	stored  map[string]int // how often a step had run when its value was stored
	wrong   []string
}

func newEnvironment(t testing.TB) *environment {
	t.Helper()
	bootstrap, err := build()
	if err != nil {
		t.Fatal(err)
	}
	e := &environment{t: t, bootstrap: bootstrap, dir: t.TempDir(), done: make(chan struct{})}
	e.emu = emulator.New(emulator.Config{Timeout: 20 * time.Second})
	e.url = lambda.Serve(t, &faulty.Handler{Next: e.emu, Observe: e.observe})
	e.backend, err = backend.New(backend.Config{
		Invoke: e.invoke, Prefix: emulator.FunctionARN(""), SkipTime: true, PageSize: 3000, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.backend.Close)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		calls := e.calls
		e.mu.Unlock()
		calls.ServeHTTP(w, r)
	}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	server.Start()
	t.Cleanup(server.Close)
	e.api = server.URL
	e.start()
	e.keeper.Go(e.keep)
	t.Cleanup(func() {
		close(e.done)
		e.keeper.Wait()
	})
	return e
}

// start starts bootstrap, as Lambda does.
func (e *environment) start() {
	root, err := filepath.Abs("testdata")
	if err != nil {
		panic(err) // the working directory does not exist
	}
	cmd := exec.Command(e.bootstrap)
	cmd.Env = append(os.Environ(), lambda.Env(e.url, "chaos.chaos", "LAMBDA_TASK_ROOT="+root, "CHAOS_DIR="+e.dir,
		"AWS_ENDPOINT_URL_LAMBDA="+e.api, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret")...)
	program, err := lambda.Start(cmd)
	if err != nil {
		panic(err) // it was just built
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.program = program
}

// keep starts bootstrap again when it has ended, until the test ends.
func (e *environment) keep() {
	for {
		program := e.running()
		select {
		case <-e.done:
			if err := program.Stop(syscall.SIGTERM, 5*time.Second); err != nil {
				e.t.Error(err)
			}
			return
		case <-program.Ended:
		}
		if err := program.CheckGone(); err != nil {
			e.t.Error(err)
		}
		e.mu.Lock()
		id := e.handed
		e.handed = ""
		e.mu.Unlock()
		if id != "" { // Lambda reports it for the environment
			r := httptest.NewRequest(http.MethodPost, runtimeapi.PathInvocation+id+"/error", strings.NewReader(`{"errorType":"Runtime.ExitError"}`))
			e.emu.ServeHTTP(httptest.NewRecorder(), r)
		}
		e.start()
	}
}

func (e *environment) running() *lambda.Program {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.program
}

// observe notes which invocation bootstrap runs.
func (e *environment) observe(c faulty.Call) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case c.Op == faulty.OpNext && c.Ended:
		e.handed = c.RequestID
	case c.Ended && c.Status == http.StatusAccepted && c.RequestID == e.handed:
		e.handed = ""
	}
}

func (e *environment) invoke(ctx context.Context, function string, event []byte) (backend.Result, error) {
	id, r, err := e.emu.InvokeAs(ctx, function, event, 0)
	return backend.Result{RequestID: id, Body: r.Body, FunctionError: r.FunctionError}, err
}

// watch notes how often a step had run when its value was stored, and calls without a signature.
func (e *environment) watch(api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/") {
			e.note("%s is not signed", r.URL.Path)
		}
		if !strings.HasSuffix(r.URL.Path, "/checkpoint") {
			api.ServeHTTP(w, r)
			return
		}
		request := readCheckpoint(r)
		answer := httptest.NewRecorder()
		api.ServeHTTP(answer, r)
		if answer.Code == http.StatusOK {
			runs := e.runs()
			e.mu.Lock()
			for _, u := range request.Updates {
				if u.Type == wire.TypeStep && u.Action == wire.ActionSucceed {
					e.stored[u.Name] = runs[u.Name]
				}
			}
			e.mu.Unlock()
		}
		for key, values := range answer.Header() {
			w.Header()[key] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes()) // the client may have died
	})
}

func (e *environment) note(format string, a ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.wrong = append(e.wrong, fmt.Sprintf(format, a...))
}

// runs returns how often each step has run.
func (e *environment) runs() map[string]int {
	n := map[string]int{}
	text, err := os.ReadFile(filepath.Join(e.dir, "runs"))
	if err != nil {
		return n // none has run
	}
	for name := range strings.Lines(string(text)) {
		n[strings.TrimSpace(name)]++
	}
	return n
}

// killR ends all R processes, and killBootstrap bootstrap and these.
func (e *environment) killR() { kill(e.running().Processes()) }

func (e *environment) killBootstrap() {
	p := e.running()
	kill([]int{p.Cmd.Process.Pid})
	kill(p.Processes())
}

func kill(pids []int) {
	proc.KillAll(pids)
	proc.WaitGone(5*time.Second, pids...)
}

// execute runs an execution whose R dies at the points of plan. It returns what is wrong.
func (e *environment) execute(input string, plan []string, broken func(http.Handler) http.Handler) []string {
	for name, text := range map[string]string{"plan": strings.Join(append(plan, ""), "\n"), "runs": ""} {
		if err := os.WriteFile(filepath.Join(e.dir, name), []byte(text), 0o600); err != nil {
			e.t.Fatal(err)
		}
	}
	api := e.backend.Handler(http.NotFoundHandler(), func(context.Context) bool { return true })
	e.mu.Lock()
	e.calls, e.stored, e.wrong = broken(e.watch(api)), map[string]int{}, nil
	e.mu.Unlock()
	ctx, cancel := context.WithTimeout(e.t.Context(), limit)
	defer cancel()
	r, err := e.backend.Run(ctx, "chaos", []byte(input))
	if err != nil {
		e.t.Fatalf("%v: bootstrap has printed:\n%s", err, e.running().Output.String())
	}
	if r.FunctionError || string(r.Body) != "78" {
		e.note("the result is %s, want 78", r.Body)
	}
	runs := e.runs()
	for i := range 12 {
		name := fmt.Sprintf("s%d", i+1)
		e.mu.Lock()
		stored, ok := e.stored[name]
		e.mu.Unlock()
		switch once := onlyOnce[name]; {
		case once && runs[name] > 1:
			e.note("%s, at most once, ran %d times", name, runs[name])
		case !once && !ok:
			e.note("the value of %s was never stored", name)
		case ok && runs[name] != stored:
			e.note("%s ran %d times, and its value was stored after %d", name, runs[name], stored)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.wrong
}

var onlyOnce = map[string]bool{"s3": true, "s8": true, "s12": true}

// deaths are the points at which R or bootstrap can die in the handler.
func deaths() (all []string) {
	for i := range 12 {
		for _, where := range []string{"before", "in", "after"} {
			for _, victim := range []string{"R", "bootstrap"} {
				all = append(all, fmt.Sprintf("s%d %s %s", i+1, where, victim))
			}
		}
	}
	return all
}

// R and bootstrap die at every point of an execution of 20 operations, and calls of the API fail: the
// result is that of the undisturbed run. A step that is at most once never runs twice, and no step runs
// again after its value was stored.
func TestRealChaos(t *testing.T) {
	e := newEnvironment(t)
	if wrong := e.execute(`{}`, nil, asIs); len(wrong) > 0 {
		t.Fatalf("undisturbed: %s", strings.Join(wrong, "; "))
	}
	points := deaths()
	for i := range *realRounds {
		seed := *chaosSeed + uint64(i)
		d := newDisturbance(seed, 4)
		d.kill = []func(){e.killR, e.killBootstrap}
		// 31 has no factor in common with the number of points, so rounds in a row reach all of them.
		plan := []string{points[seed*31%uint64(len(points))], points[d.random.IntN(len(points))]}
		if wrong := e.execute(`{}`, plan, d.wrap); len(wrong) > 0 {
			t.Errorf("seed %d, deaths %q: %s", seed, plan, strings.Join(wrong, "; "))
		}
		if n := i + 1; n%50 == 0 {
			t.Logf("%d executions", n)
		}
	}
}

// The checks of TestRealChaos notice a token that is used twice, and a step that should run at most once
// but is not declared so.
func TestRealChaosNotices(t *testing.T) {
	e := newEnvironment(t)
	if wrong := e.execute(`{}`, nil, reuseToken); len(wrong) == 0 {
		t.Error("a token that is used twice was not noticed")
	}
	if wrong := e.execute(`{"careful": false}`, []string{"s3 in R"}, asIs); len(wrong) != 1 || !strings.Contains(wrong[0], "s3, at most once, ran 2 times") {
		t.Errorf("a step that ran twice was not noticed: %q", wrong)
	}
}
