package e2e

import (
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"lambda-r-runtime/test/kit/lambda"
)

// plumberExamples are the example APIs of plumber, but 14-future, which needs the package coro and takes
// 10 s for a request.
var plumberExamples = []string{
	"01-append", "02-filters", "03-github", "04-mean-sum", "05-static", "06-sessions", "07-mailgun", "08-identity",
	"09-content-type", "10-welcome", "11-car-inventory", "12-entrypoint", "13-promises", "15-openapi-spec",
	"16-attachment", "17-arguments",
}

// TestPlumberExamplesAnswerAlike sends the requests that plumber's own example APIs describe to each of
// them, run alone and behind bootstrap: with a query, as HEAD, and with bodies. A body that differs between
// two requests to the one that runs alone is not compared.
func TestPlumberExamplesAnswerAlike(t *testing.T) {
	out, err := exec.Command("Rscript", "-e", `cat(system.file("plumber", package = "plumber"))`).Output()
	if err != nil {
		t.Fatal(err)
	}
	var compared atomic.Int64
	t.Run("apis", func(t *testing.T) {
		for _, name := range plumberExamples {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				compared.Add(int64(compareAnswers(t, filepath.Join(string(out), name))))
			})
		}
	})
	t.Logf("%d requests to %d APIs", compared.Load(), len(plumberExamples))
	if compared.Load() < 150 {
		t.Errorf("only %d requests were compared", compared.Load())
	}
}

// compareAnswers returns how many requests to the API in a folder it has compared.
func compareAnswers(t *testing.T, dir string) int {
	alone := startAlone(t, dir)
	_, behind := startWeb(t, []string{"LAMBDA_TASK_ROOT=" + dir}, nil, "Rscript", "-e", `library(plumber); pr_run(plumb(dir = "."))`)
	requests := describedRequests(t, alone)
	for _, r := range requests {
		want, got := r.sendTo(alone), r.sendTo(behind)
		again := want
		if !r.isSlow() {
			again = r.sendTo(alone)
			r.sendTo(behind) // some APIs keep state
		}
		if got.Status != want.Status {
			t.Errorf("%v: alone %d, behind bootstrap %d %.300q", r, want.Status, got.Status, got.Body)
		}
		if want, got := comparable(want.Header), comparable(got.Header); want != got {
			t.Errorf("%v: alone the headers %s, behind bootstrap %s", r, want, got)
		}
		if want.Body == again.Body && withoutPlace(got.Body, behind.url) != withoutPlace(want.Body, alone.url) {
			t.Errorf("%v: alone %.300q, behind bootstrap %.300q", r, want.Body, got.Body)
		}
	}
	return len(requests)
}

// withoutPlace returns a body without the address of the server and without times.
func withoutPlace(body, url string) string {
	body = strings.ReplaceAll(body, strings.TrimPrefix(url, "http://"), "")
	return regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`).ReplaceAllString(body, "")
}

// comparable returns the headers that do not depend on the time or the connection. Of cookies, which
// plumber encrypts, only the name counts.
func comparable(h http.Header) string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(h)) {
		switch {
		case slices.Contains([]string{"Date", "Connection", "Content-Length", "Last-Modified"}, name) || strings.HasPrefix(name, "X-Amzn"):
		case name == "Set-Cookie":
			cookie, _, _ := strings.Cut(h.Get(name), "=")
			lines = append(lines, name+": "+cookie)
		default:
			lines = append(lines, name+": "+strings.Join(h[name], ", "))
		}
	}
	return strings.Join(lines, "; ")
}

// startAlone runs the plumber API of a folder without bootstrap.
func startAlone(t *testing.T, dir string) function {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	cmd := exec.Command("Rscript", "-e", "library(plumber); pr_run(plumb(dir = '.'), port = as.integer(commandArgs(TRUE)))", strconv.Itoa(port))
	cmd.Dir = dir
	p, err := lambda.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(syscall.SIGKILL, patience); err != nil {
			t.Error(err)
		}
	})
	(&program{p, t}).waitFor("Running plumber API")
	return function{t, "http://127.0.0.1:" + strconv.Itoa(port)}
}

// A request is one that an API describes.
type request struct{ method, path, body, contentType string }

// isSlow reports whether the answer takes seconds.
func (r request) isSlow() bool {
	return strings.Contains(r.path, "async") || strings.Contains(r.path, "slow")
}

func (r request) sendTo(f function) answer {
	f.t.Helper()
	header := []string{"Connection", "close"} // httpuv sends a body after HEAD, too
	if r.body != "" {
		header = append(header, "Content-Type", r.contentType)
	}
	return f.http(r.method, r.path, r.body, header...)
}

// describedRequests returns requests to the paths that the API describes, and some that every API answers.
func describedRequests(t *testing.T, f function) (requests []request) {
	t.Helper()
	var api struct {
		Paths map[string]map[string]any
	}
	if err := json.Unmarshal([]byte(f.body("/openapi.json")), &api); err != nil {
		t.Fatal(err)
	}
	add := func(method, path string) { requests = append(requests, request{method: method, path: path}) }
	for _, path := range slices.Sorted(maps.Keys(api.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(api.Paths[path])) {
			plain := path
			for strings.Contains(plain, "{") {
				before, rest, _ := strings.Cut(plain, "{")
				_, after, _ := strings.Cut(rest, "}")
				plain = before + "1" + after
			}
			method = strings.ToUpper(method)
			if method == http.MethodTrace {
				continue // net/http's client cannot send it
			}
			add(method, plain)
			if requests[len(requests)-1].isSlow() {
				continue
			}
			add(method, plain+"?n=5&x=a%20b&samples=3&val=7")
			switch method {
			case http.MethodGet:
				add(http.MethodHead, plain+"?n=5")
			case http.MethodPost, http.MethodPut, http.MethodPatch:
				requests = append(requests,
					request{method, plain, `{"n": 5, "val": 7, "name": "\u00fc"}`, "application/json"},
					request{method, plain, "n=5&val=7&name=%C3%BC", "application/x-www-form-urlencoded"},
				)
			}
		}
	}
	for _, path := range []string{"/not/there", "/__docs__/", "/openapi.json"} {
		add(http.MethodGet, path)
	}
	add(http.MethodOptions, "/")
	add(http.MethodHead, "/not/there")
	return append(requests, request{http.MethodPost, "/not/there", "a=1", "text/plain"})
}
