package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what must come. It is the guard of a
// failure, never a pause.
const patience = 30 * time.Second

// bootstrap is the path of the program under test.
var bootstrap string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

// buildAndRun builds bootstrap, with the race detector if the test has it, and runs the tests.
func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	bootstrap = filepath.Join(dir, "bootstrap")
	args := append(append([]string{"build"}, raceFlags...), "-o", bootstrap, "lambda-r-runtime/cmd/bootstrap")
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go %s: %v\n%s", strings.Join(args, " "), err, out)
		return 1
	}
	return m.Run()
}

// A program is bootstrap, running.
type program struct {
	t    *testing.T
	cmd  *exec.Cmd
	mark string // in the environment of all its processes

	mu      sync.Mutex
	out     bytes.Buffer  // what it has printed on stdout and stderr
	printed chan struct{} // closed and made anew when it prints

	done chan struct{}
}

// start starts bootstrap in testdata/dir and makes sure, when the test ends, that it
// ended and that no R process outlives it.
func start(t *testing.T, dir string, env []string, args ...string) *program {
	t.Helper()
	return startWith(t, nil, dir, env, args...)
}

// startWith is start, with files as the descriptors from 3 on.
func startWith(t *testing.T, files []*os.File, dir string, env []string, args ...string) *program {
	t.Helper()
	if _, err := exec.LookPath("R"); err != nil {
		t.Fatal("there is no R on this machine: run make test, which installs it")
	}
	p := &program{
		t:       t,
		mark:    fmt.Sprintf("BOOTSTRAP_TEST_MARK=%s-%d", t.Name(), time.Now().UnixNano()),
		printed: make(chan struct{}),
		done:    make(chan struct{}),
	}
	p.cmd = exec.Command(bootstrap, args...)
	p.cmd.Dir = filepath.Join("testdata", dir)
	p.cmd.Env = append(append(os.Environ(), p.mark, "GORACE=atexit_sleep_ms=10"), env...)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	p.cmd.ExtraFiles = files
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the process
		_ = p.cmd.Wait() // ProcessState says how
		close(p.done)
	}()
	t.Cleanup(func() {
		p.signal(syscall.SIGINT)
		select {
		case <-p.done:
		case <-time.After(patience):
			_ = p.cmd.Process.Kill()
			t.Errorf("bootstrap did not end at SIGINT; it printed:\n%s", p.output())
		}
		p.noProcessLeft()
	})
	return p
}

// Write takes what bootstrap prints.
func (p *program) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out.Write(b)
	close(p.printed)
	p.printed = make(chan struct{})
	return len(b), nil
}

func (p *program) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// signal sends a signal, if the process still lives.
func (p *program) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// waitFor waits until bootstrap has printed what matches pattern, and returns it.
func (p *program) waitFor(pattern string) []string {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.After(patience)
	for ended := p.done; ; {
		p.mu.Lock()
		printed := p.printed
		found := re.FindStringSubmatch(p.out.String())
		p.mu.Unlock()
		if found != nil {
			return found
		}
		select {
		case <-printed:
		case <-ended:
			ended = nil // look once more at what it printed last
			if re.FindString(p.output()) == "" {
				p.t.Fatalf("bootstrap ended and never printed %q, but:\n%s", pattern, p.output())
			}
		case <-deadline:
			p.t.Fatalf("bootstrap did not print %q, but:\n%s", pattern, p.output())
		}
	}
}

// exitCode waits for the end of bootstrap.
func (p *program) exitCode() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatalf("bootstrap did not exit; it printed:\n%s", p.output())
	}
	return p.cmd.ProcessState.ExitCode()
}

// processes returns the pids of the living processes that bootstrap started, itself
// not included.
func (p *program) processes() []int {
	environs, _ := filepath.Glob("/proc/[0-9]*/environ") // the only error is a bad pattern
	var pids []int
	for _, file := range environs {
		env, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(env, []byte(p.mark)) {
			continue // ended meanwhile, or not ours
		}
		var pid int
		if _, err := fmt.Sscanf(file, "/proc/%d/", &pid); err == nil && pid != p.cmd.Process.Pid {
			pids = append(pids, pid)
		}
	}
	return pids
}

func (p *program) noProcessLeft() {
	p.t.Helper()
	deadline := time.Now().Add(2 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for pids := p.processes(); len(pids) > 0; pids = p.processes() {
		<-tick.C
		if time.Now().After(deadline) {
			p.t.Errorf("processes %v outlived bootstrap", pids)
			for _, pid := range pids {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
			return
		}
	}
}

// An answer is what the Invoke API answered.
type answer struct {
	status int
	header http.Header
	body   string
}

// function is the Invoke API of one function.
type function struct {
	t   *testing.T
	url string // without the path
}

func (f function) request(event string, header ...string) (answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url+"/2015-03-31/functions/function/invocations", strings.NewReader(event))
	if err != nil {
		return answer{}, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(body)}, err
}

// invoke invokes the function and returns its answer, whatever it is.
func (f function) invoke(event string, header ...string) answer {
	f.t.Helper()
	a, err := f.request(event, header...)
	if err != nil {
		f.t.Fatalf("invoke with %.100s: %v", event, err)
	}
	return a
}

// result invokes the function, which must succeed, and returns its result's JSON.
func (f function) result(event string) string {
	f.t.Helper()
	a := f.invoke(event)
	if a.status != http.StatusOK || a.header.Get("X-Amz-Function-Error") != "" {
		f.t.Fatalf("invoke with %.100s: status %d, %s", event, a.status, a.body)
	}
	return a.body
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
	if a.status != http.StatusOK || a.header.Get("X-Amz-Function-Error") != "Unhandled" {
		f.t.Fatalf("invoke with %.100s: want an error, got status %d, %s", event, a.status, a.body)
	}
	var e functionError
	if err := json.Unmarshal([]byte(a.body), &e); err != nil {
		f.t.Fatalf("the error is not JSON: %v: %s", err, a.body)
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
