package e2e

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"lambda-r-runtime/test/kit/board"
	"lambda-r-runtime/test/kit/lambda"
)

// rieVariable is the environment variable with the path of AWS's runtime interface emulator, unless
// it is in the PATH.
const rieVariable = "AWS_LAMBDA_RIE"

// The order of calls is that of AWS's own runtime interface emulator, whose state machine is
// Lambda's. It has no command for a restore: a waiting /restore/next ends with the first event, which
// is lost. So each row ends with the call that follows the restore.
func TestSnapStartWithRIE(t *testing.T) {
	rie := os.Getenv(rieVariable)
	if rie == "" {
		var err error
		if rie, err = exec.LookPath("aws-lambda-rie"); err != nil {
			t.Skipf("AWS's emulator is not installed: put aws-lambda-rie into the PATH, or its path into %s", rieVariable)
		}
	}
	const (
		register = "POST /2020-01-01/extension/register"
		restore  = "GET /2018-06-01/runtime/restore/next"
		next     = "GET /2018-06-01/runtime/invocation/next"
	)
	for _, row := range []struct {
		name, code string
		want       []string // the calls of the runtime
		printed    string   // a pattern
	}{
		{"no hooks", "", []string{restore, next}, ""},
		{"an extension registers before", "on_shutdown(function() NULL)", []string{register, restore, next}, ""},
		{"credentials",
			`on_snapshot(function() message("key ", Sys.getenv("AWS_ACCESS_KEY_ID")))`, []string{restore, next}, `key AKIDEXAMPLE .*phase=snapshot`},
		{"priming fails", "lambda_config(prime = list(n = 1))\nf <- function(n) stop('no model')",
			[]string{"POST /2018-06-01/runtime/init/error"}, `Lambda-Runtime-Function-Error-Type:\[Runtime\.BeforeSnapshotError\]`},
		{"a hook of on_snapshot() fails", "on_snapshot(function() stop('cannot close'))",
			[]string{"POST /2018-06-01/runtime/init/error"}, `Lambda-Runtime-Function-Error-Type:\[Runtime\.BeforeSnapshotError\]`},
		{"a hook of on_restore() fails", "on_restore(function() stop('cannot open'))",
			[]string{restore, "POST /2018-06-01/runtime/restore/error"}, `Lambda-Runtime-Function-Error-Type:\[Runtime\.AfterRestoreError\]`},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := startRIE(t, rie, "f <- function(n) n\n"+row.code)
			last := row.want[len(row.want)-1]
			p.waitFor(regexp.QuoteMeta("API request - " + last))
			if row.printed != "" {
				p.waitFor(row.printed)
			}
			var calls []string
			for _, m := range regexp.MustCompile(`API request - (\S+ /\S+),`).FindAllStringSubmatch(p.output(), -1) {
				if !strings.Contains(m[1], "/extension/event/next") && !strings.Contains(m[1], "/credentials") { // at any time
					calls = append(calls, m[1])
				}
			}
			if !slices.Equal(calls, row.want) {
				t.Errorf("the runtime called %q, want %q", calls, row.want)
			}
			if strings.Contains(p.output(), "not allowed") {
				t.Errorf("a call was refused:\n%s", p.output())
			}
		})
	}
}

// startRIE serves f of this code with AWS's emulator, and invokes it once: the emulator starts the
// runtime then.
func startRIE(t *testing.T, rie, code string) *program {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "functions.R"), code)
	address := freeAddress(t)
	// The emulator passes its own environment on to the runtime. With SnapStart, Lambda does not
	// pass credentials.
	cmd := exec.Command(rie, "--enable-init-caching", "--log-level", "debug",
		"--runtime-api-address", freeAddress(t), "--runtime-interface-emulator-address", address,
		"/usr/bin/env", "-u", "AWS_ACCESS_KEY_ID", "-u", "AWS_SECRET_ACCESS_KEY", "-u", "AWS_SESSION_TOKEN", bootstrap, "functions.f")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LAMBDA_TASK_ROOT="+dir, "AWS_LAMBDA_INITIALIZATION_TYPE=snap-start", "AWS_LAMBDA_FUNCTION_TIMEOUT=60",
		"AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret", "AWS_SESSION_TOKEN=token")
	p, err := startCommand(t, cmd)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // ends with the emulator
		defer close(done)
		board.Poll(patience, func() bool { // until it listens
			answer, err := http.Post("http://"+address+lambda.InvokePath, "application/json", strings.NewReader(`{"n":1}`))
			if err == nil {
				answer.Body.Close()
			}
			return err == nil || p.WaitEnd(0)
		})
	}()
	t.Cleanup(func() {
		p.Signal(syscall.SIGTERM)
		<-done
	})
	return p
}

// freeAddress returns an address on which nothing listens now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
