//go:build criu

package snapstart

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"lambda-r-runtime/internal/checkpoint"
	"lambda-r-runtime/test/kit/lambda"
)

// The tests of bootstrap local --snapstart in test/e2e use its stand-in. Those here show what is
// different with a real snapshot.

// local runs bootstrap local --snapstart with a handler file of this content, whose handler is run.
func local(t *testing.T, file string, env ...string) *lambda.Program {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "app.R"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bootstrap, "local", "--addr", "127.0.0.1:0", "--snapstart", "--restores", fmt.Sprint(copies), "app.run")
	cmd.Dir, cmd.Env = dir, slices.Concat(os.Environ(), []string{"TMPDIR=" + t.TempDir()}, env)
	p, err := lambda.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(syscall.SIGINT, patience); err != nil {
			t.Error(err)
		}
	})
	return p
}

// served waits until the function is served, and returns its URL.
func served(t *testing.T, p *lambda.Program) (url string) {
	t.Helper()
	return waitFor(t, p, `is served on (http://127\.0\.0\.1:\d+)`)[1]
}

func waitFor(t *testing.T, p *lambda.Program, pattern string) []string {
	t.Helper()
	match := p.Output.WaitFor(patience, regexp.MustCompile(pattern))
	if match == nil {
		t.Fatalf("bootstrap did not print %q, but:\n%s", pattern, &p.Output)
	}
	return match
}

func failed(t *testing.T, p *lambda.Program, parts ...string) {
	t.Helper()
	if !p.WaitEnd(patience) || p.Cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("bootstrap did not exit with status 1")
	}
	for _, part := range parts {
		if !strings.Contains(p.Output.String(), part) {
			t.Errorf("bootstrap did not print %q, but:\n%s", part, &p.Output)
		}
	}
}

// All environments come from one init. They serve alternately, and their files and random numbers
// are their own, although the paths and pids are the same.
func TestLocal(t *testing.T) {
	p := local(t, `
cat("loaded\n")
file <- file.path(Sys.getenv("TMPDIR"), "count")
cat("0", file = file)
on_shutdown(function() cat("good-bye\n"))
run <- function() {
  count <- scan(file, quiet = TRUE) + 1
  cat(count, file = file)
  list(pid = Sys.getpid(), count = count, number = runif(1))
}
`)
	url := served(t, p)
	waitFor(t, p, `SnapStart: init \S+ s, snapshot \S+ s \(CRIU `+regexp.QuoteMeta(tool.Version)+`\), restore \S+ s to \S+ s in 3 environments\n`)
	type result struct {
		PID, Count int
		Number     float64
	}
	pids, numbers := map[int]bool{}, map[float64]bool{}
	for n := range 2 * copies {
		a, err := lambda.Request(t.Context(), http.MethodPost, url+lambda.InvokePath, `{}`)
		var r result
		if err == nil {
			err = json.Unmarshal([]byte(a.Body), &r)
		}
		if want := n/copies + 1; err != nil || r.Count != want {
			t.Fatalf("invocation %d: got %s, %v; want count %d\n%s", n, a.Body, err, want, &p.Output)
		}
		pids[r.PID], numbers[r.Number] = true, true
	}
	if len(pids) != 1 || len(numbers) != 2*copies {
		t.Errorf("R's pids are %v, its numbers %v", pids, numbers)
	}
	p.Signal(syscall.SIGINT)
	if !p.WaitEnd(patience) || p.Cmd.ProcessState.ExitCode() != 0 {
		t.Errorf("bootstrap did not end with status 0:\n%s", &p.Output)
	}
	output := p.Output.String()
	if loads, ends := strings.Count(output, "loaded"), strings.Count(output, "good-bye"); loads != 1 || ends != copies {
		t.Errorf("loaded %d times, shut down %d times:\n%s", loads, ends, output)
	}
}

// A seed that is kept is in the snapshot, and bootstrap finds that all environments have it.
func TestLocalFindsRepeatedNumbers(t *testing.T) {
	p := local(t, `
lambda_config(keep_seed = TRUE)
set.seed(1)
run <- function() runif(1)
`)
	failed(t, p, "environments 1, 2, 3 draw 0.26550866314209998 with runif()", "remove lambda_config(keep_seed = TRUE)")
}

// If CRIU fails, the reason and the way to go on without it are printed.
func TestLocalWithoutSnapshot(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "criu")
	script := `#!/bin/sh
case $1 in
check) ;;
--version) echo Version: 4.2 ;;
*) echo "Error (criu/$1.c:1): no luck"; exit 1 ;;
esac
`
	if err := os.WriteFile(broken, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	p := local(t, "run <- function() 1", checkpoint.Variable+"="+broken)
	failed(t, p, "CRIU's dump failed: it exited with status 1: ", "no luck", checkpoint.Variable+"=none")
}

// If bootstrap is killed while it serves, all environments die with it, and no memory of them stays
// on disk.
func TestLocalKilled(t *testing.T) {
	dir := t.TempDir()
	p := local(t, "run <- function() 1", "TMPDIR="+dir)
	served(t, p)
	if n := len(p.Processes()); n < 2*copies {
		t.Errorf("%d processes, want a bootstrap and an R in each environment", n)
	}
	p.Signal(syscall.SIGKILL)
	if !p.WaitEnd(patience) {
		t.Fatal("bootstrap survived SIGKILL")
	}
	if err := p.CheckGone(); err != nil {
		t.Error(err)
	}
	logs, err := filepath.Glob(filepath.Join(dir, "*", "snapshot", "dump.log"))
	if err != nil || len(logs) != 1 {
		t.Errorf("no snapshot was written to %s: %q, %v", dir, logs, err)
	}
	images, err := filepath.Glob(filepath.Join(dir, "*", "snapshot", "*", "*.img"))
	if err != nil || len(images) > 0 {
		t.Errorf("left on disk: %q, %v", images, err)
	}
}
