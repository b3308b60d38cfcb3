package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"lambda-r-runtime/test/kit/lambda"
)

// A proxyResult is a response as HTTP sources expect it.
type proxyResult struct {
	Status   int               `json:"statusCode"`
	Headers  map[string]string `json:"headers"`
	Body     string            `json:"body"`
	IsBase64 bool              `json:"isBase64Encoded"`
}

// httpEvent returns an event of an HTTP API, payload version 2.0.
func httpEvent(t *testing.T, method, path, query, body string) string {
	t.Helper()
	event, err := json.Marshal(map[string]any{
		"version":        "2.0",
		"rawPath":        path,
		"rawQueryString": query,
		"headers":        map[string]string{"content-type": "application/json", "host": "id.execute-api.eu-west-1.amazonaws.com"},
		"requestContext": map[string]any{
			"stage": "$default",
			"http":  map[string]string{"method": method, "path": path, "sourceIp": "192.0.2.7"},
		},
		"body": body,
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(event)
}

func (f function) proxy(event string) proxyResult {
	f.t.Helper()
	var r proxyResult
	if err := json.Unmarshal([]byte(f.result(event)), &r); err != nil {
		f.t.Fatal(err)
	}
	return r
}

// The example behind the Runtime API. Requests reach the router, and R opens no socket.
func TestPlumber(t *testing.T) {
	root, err := filepath.Abs("../../examples/plumber")
	if err != nil {
		t.Fatal(err)
	}
	rec := newRecorder(t, 10*time.Second, nil)
	p, f := startLambda(t, rec, "", "plumber.R", "LAMBDA_TASK_ROOT="+root)

	r := f.proxy(httpEvent(t, "GET", "/predict", "wt=3", ""))
	if r.Status != 200 || r.Headers["Content-Type"] != "application/json" || r.Body != `{"wt":[3],"mpg":[21.2517]}` {
		t.Errorf("GET /predict: %+v", r)
	}
	r = f.proxy(httpEvent(t, "POST", "/sum", "", "[1, 2, 3.5]"))
	if r.Status != 200 || r.Body != `{"sum":6.5}` {
		t.Errorf("POST /sum: %+v", r)
	}
	r = f.proxy(httpEvent(t, "GET", "/plot", "", ""))
	png, err := base64.StdEncoding.DecodeString(r.Body)
	if err != nil || r.Headers["Content-Type"] != "image/png" || !r.IsBase64 || !strings.HasPrefix(string(png), "\x89PNG") {
		t.Errorf("GET /plot: %v, %+.200v", err, r)
	}
	if r = f.proxy(httpEvent(t, "GET", "/nowhere", "", "")); r.Status != 404 {
		t.Errorf("GET /nowhere: %+v", r)
	}
	if e := f.failure(`{"wt": 3}`); e.Type != "Runtime.InvalidArguments" || !strings.Contains(e.Message, "plumber API") {
		t.Errorf("an event that is not a request: %+v", e)
	}

	pids := p.Processes()
	if len(pids) == 0 {
		t.Fatal("the test does not see the R process")
	}
	for _, pid := range pids {
		fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		if err != nil || len(fds) == 0 {
			t.Fatalf("the test does not see the files of R: %v", err)
		}
		for _, fd := range fds {
			if target, err := os.Readlink(fd); err == nil && strings.HasPrefix(target, "socket:") {
				t.Errorf("R has the socket %s", fd)
			}
		}
	}
}

// An error is answered without its text and logged with R's stack. An endpoint that does not end
// is stopped at its deadline, and the next request is answered.
func TestPlumberFailures(t *testing.T) {
	lambda.NeedsR(t, "plumber", "1.1") // the form of its errors
	rec := newRecorder(t, 2*time.Second, nil)
	p, f := startLambda(t, rec, "plumber", "api.R")
	r := f.proxy(httpEvent(t, "GET", "/fails", "x=model", ""))
	if r.Status != 500 || r.Body != `{"error":"500 - Internal server error"}` {
		t.Errorf("the caller got %+v", r)
	}
	p.waitFor(`invocation error: simpleError in inner\(x\): no such model`)
	p.waitFor(`3: stop\("no such ", x\) \(api\.R:3\)`)
	p.waitFor(`2: inner\(x\) \(api\.R:6\)`)
	var pids []string
	for _, path := range []string{"/never", "/spins"} {
		if e := f.failure(httpEvent(t, "GET", path, "", "")); e.Type != "Runtime.InvocationTimeout" {
			t.Errorf("%s: %+v", path, e)
		}
		pids = append(pids, f.proxy(httpEvent(t, "GET", "/pid", "", "")).Body)
	}
	if pids[0] == pids[1] || pids[0] == "" {
		t.Errorf("after each deadline the worker is a new one, but they were %q", pids)
	}
	want := []string{"register", "response", "error Runtime.InvocationTimeout", "response", "error Runtime.InvocationTimeout", "response"}
	if got := rec.reports(); !slices.Equal(got, want) {
		t.Errorf("reported %q", got)
	}
	// The router's exit hook runs.
	p.Signal(syscall.SIGTERM)
	if code := p.exitCode(); code != 0 {
		t.Errorf("exit status %d, want 0", code)
	}
	if !strings.Contains(p.output(), "closed") {
		t.Errorf("the exit hook did not run:\n%s", p.output())
	}
}
