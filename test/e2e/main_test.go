package e2e

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	"lambda-r-runtime/test/kit/lambda"
)

// patience guards against a hang. It is never a pause.
const patience = 30 * time.Second

// bootstrap is the path of the program under test.
var bootstrap string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

// buildAndRun builds bootstrap, with the race detector if the test has it, and runs the tests.
func buildAndRun(m *testing.M) int {
	flag.Parse()
	if testing.Short() {
		fmt.Println("no end-to-end tests with -short: they need R")
		return 0
	}
	if _, err := exec.LookPath("R"); err != nil {
		fmt.Fprintln(os.Stderr, "R is not installed: run make test, which installs it")
		return 1
	}
	dir, err := os.MkdirTemp("", "e2e-")
	if err == nil {
		defer os.RemoveAll(dir)
		os.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache")) // not the user's own
		bootstrap, err = lambda.Build(dir, "cmd/bootstrap", lambda.RaceFlags...)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// A program is bootstrap, running.
type program struct {
	*lambda.Program
	t *testing.T
}

// start starts bootstrap in testdata/dir and checks, when the test ends, that it ended and that no
// process of it is left.
func start(t *testing.T, dir string, env []string, args ...string) *program {
	t.Helper()
	return startWith(t, nil, dir, env, args...)
}

// startWith is start, with files as the descriptors from 3 on.
func startWith(t *testing.T, files []*os.File, dir string, env []string, args ...string) *program {
	t.Helper()
	cmd := exec.Command(bootstrap, args...)
	cmd.Dir = filepath.Join("testdata", dir)
	cmd.Env = append(os.Environ(), env...)
	cmd.ExtraFiles = files
	p, err := startCommand(t, cmd)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// startCommand starts cmd, which is bootstrap or becomes it, with the same checks when the test ends.
func startCommand(t *testing.T, cmd *exec.Cmd) (*program, error) {
	p, err := lambda.Start(cmd)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		if err := p.Stop(syscall.SIGINT, patience); err != nil {
			t.Error(err)
		}
	})
	return &program{p, t}, nil
}

func (p *program) output() string { return p.Output.String() }

// waitFor waits until bootstrap has printed what matches pattern, and returns the match.
func (p *program) waitFor(pattern string) []string {
	p.t.Helper()
	match := p.Output.WaitFor(patience, regexp.MustCompile(pattern))
	if match == nil {
		p.t.Fatalf("bootstrap did not print %q, but:\n%s", pattern, p.output())
	}
	return match
}

// exitCode waits for the end of bootstrap and returns its exit status.
func (p *program) exitCode() int {
	p.t.Helper()
	if !p.WaitEnd(patience) {
		p.t.Fatalf("bootstrap did not exit; it printed:\n%s", p.output())
	}
	return p.Cmd.ProcessState.ExitCode()
}

// noProcessLeft checks that no process outlives a bootstrap that has ended.
func (p *program) noProcessLeft() {
	p.t.Helper()
	if err := p.CheckGone(); err != nil {
		p.t.Error(err)
	}
}

// An answer is the Invoke API's.
type answer = lambda.Answer

// A function is the Invoke API of one function.
type function struct {
	t   *testing.T
	url string // without the path
}

func (f function) request(event string, header ...string) (answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return lambda.Request(ctx, http.MethodPost, f.url+lambda.InvokePath, event, header...)
}

// invoke invokes the function and returns its answer, even an error.
func (f function) invoke(event string, header ...string) answer {
	f.t.Helper()
	a, err := f.request(event, header...)
	if err != nil {
		f.t.Fatalf("invoke with %.100s: %v", event, err)
	}
	return a
}

// result invokes the function, which must succeed, and returns the JSON of its result.
func (f function) result(event string) string {
	f.t.Helper()
	a := f.invoke(event)
	if a.Status != http.StatusOK || a.Header.Get("X-Amz-Function-Error") != "" {
		f.t.Fatalf("invoke with %.100s: status %d, %s", event, a.Status, a.Body)
	}
	return a.Body
}

// A functionError is the body of a failed invocation.
type functionError struct {
	Type    string   `json:"errorType"`
	Message string   `json:"errorMessage"`
	Stack   []string `json:"stackTrace"`
}

// failure invokes the function, which must fail, and returns its error.
func (f function) failure(event string) functionError {
	f.t.Helper()
	a := f.invoke(event)
	if a.Status != http.StatusOK || a.Header.Get("X-Amz-Function-Error") != "Unhandled" {
		f.t.Fatalf("invoke with %.100s: want an error, got status %d, %s", event, a.Status, a.Body)
	}
	var e functionError
	if err := json.Unmarshal([]byte(a.Body), &e); err != nil {
		f.t.Fatalf("the error is not JSON: %v: %s", err, a.Body)
	}
	return e
}

// startLocal starts bootstrap local on a free port and waits until it serves.
func startLocal(t *testing.T, handler string, env []string, flags ...string) (*program, function) {
	t.Helper()
	args := append([]string{"local", "--addr", "127.0.0.1:0", handler}, flags...)
	p := start(t, "", env, args...)
	url := p.waitFor(`is served on (http://127\.0\.0\.1:\d+)`)[1]
	return p, function{t, url}
}
