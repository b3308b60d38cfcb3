package e2e

import (
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"lambda-r-runtime/test/kit/lambda"
)

// TestPlumberExamplesAnswerAlike sends the requests that plumber's own example APIs describe to each of
// them, run alone and behind bootstrap. A body that differs between two requests to the one that runs alone
// is not compared.
func TestPlumberExamplesAnswerAlike(t *testing.T) {
	out, err := exec.Command("Rscript", "-e", `cat(system.file("plumber", package = "plumber"))`).Output()
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, name := range []string{"01-append", "02-filters", "04-mean-sum", "05-static", "08-identity", "09-content-type", "10-welcome", "11-car-inventory", "16-attachment", "17-arguments"} {
		dir := filepath.Join(string(out), name)
		alone := startAlone(t, dir)
		_, behind := startWeb(t, []string{"LAMBDA_TASK_ROOT=" + dir}, nil, "Rscript", "-e", `plumber::pr_run(plumber::pr("plumber.R"))`)
		for _, request := range append(describedRequests(t, alone), "GET /not/there", "GET /__docs__/", "OPTIONS /") {
			method, path, _ := strings.Cut(request, " ")
			want, again := alone.send(method, path, ""), alone.send(method, path, "")
			got, _ := behind.send(method, path, ""), behind.send(method, path, "") // some APIs keep state
			if got.Status != want.Status || got.Header.Get("Content-Type") != want.Header.Get("Content-Type") {
				t.Errorf("%s: %s: alone %d %s, behind bootstrap %d %s", name, request,
					want.Status, want.Header.Get("Content-Type"), got.Status, got.Header.Get("Content-Type"))
			}
			same := strings.NewReplacer(alone.url, "", behind.url, "", strings.TrimPrefix(alone.url, "http://"), "", strings.TrimPrefix(behind.url, "http://"), "")
			if want.Body == again.Body && same.Replace(got.Body) != same.Replace(want.Body) {
				t.Errorf("%s: %s: alone %.300q, behind bootstrap %.300q", name, request, want.Body, got.Body)
			}
			compared++
		}
	}
	t.Logf("%d requests", compared)
	if compared < 50 {
		t.Errorf("only %d requests were compared", compared)
	}
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
	cmd := exec.Command("Rscript", "-e", "plumber::pr_run(plumber::pr('plumber.R'), port = as.integer(commandArgs(TRUE)))", strconv.Itoa(port))
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

// describedRequests returns the requests without a body that the API describes.
func describedRequests(t *testing.T, f function) (requests []string) {
	t.Helper()
	var api struct {
		Paths map[string]map[string]any
	}
	if err := json.Unmarshal([]byte(f.body("/openapi.json")), &api); err != nil {
		t.Fatal(err)
	}
	for _, path := range slices.Sorted(maps.Keys(api.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(api.Paths[path])) {
			plain := path
			for strings.Contains(plain, "{") {
				before, rest, _ := strings.Cut(plain, "{")
				_, after, _ := strings.Cut(rest, "}")
				plain = before + "1" + after
			}
			if method = strings.ToUpper(method); method != http.MethodTrace {
				requests = append(requests, method+" "+plain, method+" "+plain+"?n=5&x=a%20b&samples=3&val=7")
			}
		}
	}
	return requests
}
