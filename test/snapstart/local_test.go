//go:build criu

package snapstart

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"lambda-r-runtime/test/kit/lambda"
	"lambda-r-runtime/test/kit/proc"
)

// A local is bootstrap local --snapstart with three environments.
type local struct {
	*lambda.Program
	t   *testing.T
	tmp string // holds its temporary files
}

// startLocal starts bootstrap local with a handler in testdata. When the test ends, no process and
// no temporary file of it may be left.
func startLocal(t *testing.T, handler string, env ...string) *local {
	t.Helper()
	l := &local{t: t, tmp: t.TempDir()}
	cmd := exec.Command(bootstrap, "local", "--addr", "127.0.0.1:0", "--snapstart", "--restores", "3", handler)
	cmd.Dir = "testdata"
	cmd.Env = append(os.Environ(), append(env, "TMPDIR="+l.tmp)...)
	p, err := lambda.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	l.Program = p
	t.Cleanup(func() {
		if err := p.Stop(syscall.SIGINT, patience); err != nil {
			t.Error(err)
		}
	})
	return l
}

// waitFor waits for output that matches pattern.
func (l *local) waitFor(pattern string) []string {
	l.t.Helper()
	match := l.Output.WaitFor(patience, regexp.MustCompile(pattern))
	if match == nil {
		l.t.Fatalf("bootstrap local did not print %q, but:\n%s", pattern, l.Output.String())
	}
	return match
}

// exitCode waits for the end.
func (l *local) exitCode() int {
	l.t.Helper()
	if !l.WaitEnd(patience) {
		l.t.Fatalf("bootstrap local did not end; it printed:\n%s", l.Output.String())
	}
	return l.Cmd.ProcessState.ExitCode()
}

// results invokes each environment twice and returns the results.
func (l *local) results() (all []report) {
	l.t.Helper()
	url := l.waitFor(`is served on (http://127\.0\.0\.1:\d+)`)[1]
	for range 6 {
		ctx, cancel := context.WithTimeout(l.t.Context(), patience)
		defer cancel()
		a, err := lambda.Request(ctx, http.MethodPost, url+lambda.InvokePath, `{}`)
		var r report
		if err == nil {
			err = json.Unmarshal([]byte(a.Body), &r)
		}
		if err != nil || a.Header.Get("X-Amz-Function-Error") != "" {
			l.t.Fatalf("%v: %s; bootstrap printed:\n%s", err, a.Body, l.Output.String())
		}
		all = append(all, r)
	}
	return all
}

// bootstrap local serves copies of one process, with the credentials and connections of a restored
// function, and ends them with their hooks.
func TestLocal(t *testing.T) {
	server := serve(t)
	_, port, _ := strings.Cut(server.Addr().String(), ":")
	l := startLocal(t, "environment.f", "PORT="+port)
	l.waitFor(`SnapStart: init \d+\.\d\d s, snapshot \d+\.\d\d s \(CRIU \d+\.\d.*\), restore \d+\.\d\d s to \d+\.\d\d s in 3 environments`)
	results := l.results()
	for _, r := range results {
		if r.PID != results[0].PID { // in a namespace of its own
			t.Errorf("the workers %d and %d are not copies of one", r.PID, results[0].PID)
		}
		if r.KeyAtInit != "LOCALBEFORESNAPSHOT" || r.Key != "LOCALAFTERRESTORE" || !r.Dead || r.RemainingMs <= 0 {
			t.Errorf("got %+v", r)
		}
	}
	l.Signal(syscall.SIGINT)
	if code := l.exitCode(); code != 0 {
		t.Errorf("exit status %d, want 0", code)
	}
	for _, number := range []string{"1", "2", "3"} {
		l.waitFor(`\[` + number + `\] REPORT .*\tRestore Duration: `)
		l.waitFor(`\[` + number + `\] .*shut down LOCALAFTERRESTORE`)
	}
	if left, err := os.ReadDir(l.tmp); err != nil || len(left) > 0 {
		t.Errorf("the files %v are left, %v", left, err)
	}
}

// If bootstrap local is killed, nothing is left.
func TestLocalKilled(t *testing.T) {
	_, port, _ := strings.Cut(serve(t).Addr().String(), ":")
	l := startLocal(t, "environment.f", "PORT="+port)
	l.results()
	pids := l.Processes()
	if len(pids) < 6 {
		t.Fatalf("the processes are %v", pids)
	}
	l.Signal(syscall.SIGKILL)
	if left := proc.WaitGone(2*time.Second, pids...); len(left) > 0 {
		t.Errorf("%v outlived bootstrap", left)
	}
}

// A copy that fails to restore, or that draws what another one draws, is reported.
func TestLocalFails(t *testing.T) {
	for handler, want := range map[string]string{
		"local.fails":   `(?s)\[\d\] .*fatal error, exiting: Runtime.AfterRestoreError .*no network`,
		"local.repeats": `bootstrap: environments that were restored from one snapshot draw the same values:\n  environments 1, 2, 3 draw 0\.\d+ with runif\(\); `,
	} {
		l := startLocal(t, handler, "MODE="+strings.TrimPrefix(handler, "local."))
		if code := l.exitCode(); code != 1 {
			t.Errorf("%s: exit status %d, want 1", handler, code)
		}
		l.waitFor(want)
		if strings.Contains(l.Output.String(), "is served") {
			t.Errorf("%s is served:\n%s", handler, l.Output.String())
		}
	}
}
