package e2e

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// get invokes the function with the event of a GET request.
func (f function) get(path, query string) proxyResult {
	f.t.Helper()
	return f.proxy(httpEvent(f.t, "GET", path, query, ""))
}

// startHTTP serves a function of testdata/http.R behind a Runtime API.
func startHTTP(t *testing.T, name string) (*program, *recorder, function) {
	rec := newRecorder(t, 20*time.Second, nil)
	p, f := startLambda(t, rec, "", "http."+name)
	return p, rec, f
}

func TestHTTPResult(t *testing.T) {
	_, _, f := startHTTP(t, "answers")
	got := f.get("/a/b", "n=x%20y")
	if got.Status != 200 || got.Headers["Content-Type"] != "application/json" || got.Body != `{"n":"x y","path":"/a/b"}` {
		t.Errorf("got %+v", got)
	}
	// A parameter of the query that the handler does not take is ignored.
	if got := f.get("/", "n=1&utm_source=mail"); got.Status != 200 || got.Body != `{"n":"1","path":"/"}` {
		t.Errorf("got %+v", got)
	}
	// A wrong key of the body is named to the caller; the handler's other arguments are not.
	got = f.proxy(httpEvent(t, "POST", "/", "", `{"n": 1, "m": 2}`))
	if got.Status != 400 || got.Body != `unknown argument "m"` {
		t.Errorf("got %+v", got)
	}
}

// An error becomes a response with status 500 without details. The details are logged.
func TestHTTPFailure(t *testing.T) {
	p, rec, f := startHTTP(t, "fails")
	got := f.get("/", "")
	if got.Status != 500 {
		t.Errorf("the status is %d, want 500", got.Status)
	}
	m := regexp.MustCompile(`^\{"message":"Internal server error","requestId":"([0-9a-f-]+)"\}$`).FindStringSubmatch(got.Body)
	if m == nil {
		t.Fatalf("the body is %s", got.Body)
	}
	if got := rec.reports(); !slices.Equal(got, []string{"response"}) {
		t.Errorf("reported %q, want one response", got)
	}
	p.waitFor(`ERR invocation error: simpleError in fails\(\): 100%s of the password .*request_id=` + m[1])
	p.waitFor(`stop\("100%s of ", secret\).*http\.R:6`)
}

func TestStopHTML(t *testing.T) {
	p, rec, f := startHTTP(t, "not_found")
	got := f.get("/", "")
	if got.Status != 404 || got.Body != "no city Atlantis" || got.Headers["x-amzn-ErrorType"] != "html_error" {
		t.Errorf("got %+v", got)
	}
	p.waitFor(`INF answered 404: no city Atlantis`)
	if strings.Contains(p.output(), "ERR") {
		t.Errorf("an answer was logged as an error:\n%s", p.output())
	}
	// Invoked directly, it is an error like any other.
	if e := f.failure(`{}`); e.Type != "html_error" || e.Message != "no city Atlantis" {
		t.Errorf("got %+v", e)
	}
	if got := rec.reports(); !slices.Equal(got, []string{"response", "error Function.HtmlError"}) {
		t.Errorf("reported %q", got)
	}
}

// A condition of that class without a proper code is an error like any other.
func TestOwnHTMLError(t *testing.T) {
	p, rec, f := startHTTP(t, "own_html_error")
	for range 2 {
		got := f.get("/", "")
		if got.Status != 500 || !strings.HasPrefix(got.Body, `{"message":"Internal server error",`) {
			t.Errorf("got %+v", got)
		}
	}
	p.waitFor(`ERR invocation error: html_error: the password`)
	if got := rec.reports(); !slices.Equal(got, []string{"response", "response"}) {
		t.Errorf("reported %q", got)
	}
}

func TestHTTPPlot(t *testing.T) {
	_, _, f := startHTTP(t, "draws")
	got := f.get("/", "")
	png, err := base64.StdEncoding.Strict().DecodeString(got.Body)
	if err != nil || !got.IsBase64 || got.Headers["Content-Type"] != "image/png" || !strings.HasPrefix(string(png), "\x89PNG\r\n") {
		t.Errorf("got %.200v, %v", got, err)
	}
}

// Without an open device, R would write plots to Rplots.pdf.
func TestNoRplots(t *testing.T) {
	dir := t.TempDir()
	source, err := os.ReadFile("testdata/http.R")
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "http.R"), string(source))
	_, f := startLambda(t, newRecorder(t, 20*time.Second, nil), "", "http.draws_nothing", "LAMBDA_TASK_ROOT="+dir)
	for range 3 {
		if got := f.result(`{}`); got != `"drawn"` {
			t.Errorf("got %s", got)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 1 {
		t.Errorf("the folder has %q, %v: want only http.R", files, err)
	}
}

func TestHeaderWithALineBreak(t *testing.T) {
	p, _, f := startHTTP(t, "splits_header")
	if got := f.get("/", "value=a"); got.Headers["X-Value"] != "a" {
		t.Errorf("got %+v", got)
	}
	got := f.get("/", "value=a%0d%0aSet-Cookie:%20x=1")
	if got.Status != 500 || len(got.Headers) != 2 {
		t.Errorf("got %+v", got)
	}
	p.waitFor(`a header's value cannot contain a line break`)
}

// Objects that a file defines persist, even if a handler masks names of the runtime and of base R.
func TestGlobalsPersist(t *testing.T) {
	_, _, f := startHTTP(t, "counts")
	for i := 1; i <= 3; i++ {
		if got := f.get("/", "").Body; got != fmt.Sprint(i) {
			t.Errorf("invocation %d got %s", i, got)
		}
	}
}

func TestRampage(t *testing.T) {
	_, _, f := startHTTP(t, "rampage")
	for range 3 {
		if got := f.get("/", ""); got.Status != 200 || got.Body != "done" {
			t.Errorf("got %+v", got)
		}
	}
	if got := f.result(`{}`); got != `"done"` {
		t.Errorf("got %s", got)
	}
}
