//go:build image

package image

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/emulator/front"
)

// patience is how long a test waits for what must come.
const patience = 60 * time.Second

// A container is one that runs, in the foreground.
type container struct {
	t    *testing.T
	name string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended

	mu      sync.Mutex
	printed bytes.Buffer
	more    chan struct{} // closed and made anew when it prints
}

// start runs an image: args are the options, the image and its arguments. When the test
// ends it is told to stop, and must end as one that was asked to.
func start(t *testing.T, args ...string) *container {
	t.Helper()
	c := &container{
		t:    t,
		name: fmt.Sprintf("lambda-r-runtime-test-%d", time.Now().UnixNano()),
		done: make(chan struct{}),
		more: make(chan struct{}),
	}
	c.cmd = command(append([]string{"run", "--rm", "--name", c.name}, args...)...)
	c.cmd.Stdout, c.cmd.Stderr = c, c
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the container
		_ = c.cmd.Wait() // ProcessState says how
		close(c.done)
	}()
	t.Cleanup(c.stop)
	return c
}

// stop asks the container to stop, as Lambda and docker stop do: by SIGTERM.
func (c *container) stop() {
	_ = command("kill", "--signal", "TERM", c.name).Run() // it may have ended
	select {
	case <-c.done:
	case <-time.After(patience):
		_ = command("rm", "--force", c.name).Run() // it fails the test all the same
		c.t.Errorf("the container did not end at SIGTERM; it printed:\n%s", c.output())
		return
	}
	if code := c.cmd.ProcessState.ExitCode(); code != 0 {
		c.t.Errorf("the container ended with status %d; it printed:\n%s", code, c.output())
	}
}

// Write takes what the container prints.
func (c *container) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.printed.Write(b)
	close(c.more)
	c.more = make(chan struct{})
	return len(b), nil
}

func (c *container) output() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.printed.String()
}

// waitFor waits until the container has printed what matches pattern, and returns it.
func (c *container) waitFor(pattern string) []string {
	c.t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.After(patience)
	for {
		c.mu.Lock()
		more := c.more
		found := re.FindStringSubmatch(c.printed.String())
		c.mu.Unlock()
		if found != nil {
			return found
		}
		select {
		case <-more:
		case <-c.done:
			if found := re.FindStringSubmatch(c.output()); found != nil {
				return found
			}
			c.t.Fatalf("the container ended and never printed %q, but:\n%s", pattern, c.output())
		case <-deadline:
			c.t.Fatalf("the container did not print %q, but:\n%s", pattern, c.output())
		}
	}
}

// A function is a container that serves Lambda's Runtime API, which is the emulator in
// this process.
type function struct {
	*container
	url string // of the Invoke API, and of the function as a function URL
}

// startLambda runs the image as Lambda runs one. Args are options, before the image, and
// what comes after it.
func startLambda(t *testing.T, options []string, args ...string) function {
	t.Helper()
	server := httptest.NewServer(emulator.New(emulator.Config{Timeout: patience, HTTP: front.FunctionURL}))
	t.Cleanup(func() { // after the container has ended
		server.CloseClientConnections()
		server.Close()
	})
	run := append(lambdaLimits(),
		"--env", "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(server.URL, "http://"),
		"--env", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE="+memoryMB)
	return function{start(t, append(append(run, options...), args...)...), server.URL}
}

// call makes a request, and gives up when the container ends.
func (f function) call(method, path, body string) (*http.Response, []byte) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	go func() { // ends with the request, if not with the container
		select {
		case <-f.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	req, err := http.NewRequestWithContext(ctx, method, f.url+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		f.t.Fatalf("%v; the container printed:\n%s", err, f.output())
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return resp, answer
}

func (f function) invoke(event string) (*http.Response, []byte) {
	f.t.Helper()
	return f.call(http.MethodPost, "/2015-03-31/functions/function/invocations", event)
}

// result invokes the function, which must succeed, and returns its result's JSON.
func (f function) result(event string) string {
	f.t.Helper()
	resp, body := f.invoke(event)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("X-Amz-Function-Error") != "" {
		f.t.Fatalf("invoke with %s: status %d, %s; the container printed:\n%s", event, resp.StatusCode, body, f.output())
	}
	return string(body)
}

// errorType invokes the function, which must fail, and returns the error's type.
func (f function) errorType(event string) string {
	f.t.Helper()
	resp, body := f.invoke(event)
	var failure struct {
		Type string `json:"errorType"`
	}
	if err := json.Unmarshal(body, &failure); err != nil || resp.Header.Get("X-Amz-Function-Error") == "" {
		f.t.Fatalf("invoke with %s: want an error, got status %d, %s", event, resp.StatusCode, body)
	}
	return failure.Type
}

// checkParity checks that the function is the parity example and answers.
func (f function) checkParity() {
	f.t.Helper()
	if got := f.result(`{"number": 5}`); got != `{"parity":"odd"}` {
		f.t.Errorf("5 is %s", got)
	}
}
