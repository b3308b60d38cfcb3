package e2e

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"lambda-r-runtime/test/kit/proc"
)

// withoutCRIU makes bootstrap local --snapstart use its stand-in. The real snapshot has tests of
// its own, which need root (test/snapstart).
const withoutCRIU = "LAMBDA_R_CRIU=none"

// snapshotOf writes a handler file and returns the environment to serve it with.
func snapshotOf(t *testing.T, file string, more ...string) (env []string) {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "app.R"), file)
	return append(more, "LAMBDA_TASK_ROOT="+dir, withoutCRIU)
}

// snapStarted is a function that reports what it found at each step.
const snapStarted = `
lambda_config(prime = list(what = "prime"))
steps <- "init"
step <- function(name) steps <<- c(steps, name)
keys <- list(init = Sys.getenv("AWS_ACCESS_KEY_ID"))
on_snapshot(function() step("second"))
on_snapshot(function() step("first"))
on_restore(function() step("restored"))
run <- function(what, names = NULL) switch(what,
  prime = { cat("primed\n"); step("prime") },
  steps = list(steps = steps, keys = c(keys, list(now = Sys.getenv("AWS_ACCESS_KEY_ID")))),
  environment = as.list(Sys.getenv(unlist(names), NA)),
  say = cat("hello\n")
)
`

// The init, the snapshot and the restore come before the function is served, with the credentials,
// the variables and the log of a function with SnapStart.
func TestLocalSnapStart(t *testing.T) {
	env := snapshotOf(t, snapStarted, "AWS_LAMBDA_LOG_GROUP_NAME=mine", "AWS_PROFILE=mine")
	p, f := startLocal(t, "app.run", env, "--snapstart", "--memory", "300")
	if !regexp.MustCompile(`(?m)^SnapStart: init \d+\.\d\d s, snapshot none \(stand-in\), restore \d+\.\d\d s$`).MatchString(p.output()) {
		t.Errorf("no times in\n%s", p.output())
	}
	if n := strings.Count(p.output(), "the snapshot is a stand-in"); n != 1 || !strings.Contains(p.output(), "CRIU is not installed") {
		t.Errorf("the stand-in is mentioned %d times:\n%s", n, p.output())
	}
	p.waitFor(`INF primed .*phase=priming`)
	got := f.result(`{"what": "steps"}`)
	want := `{"steps":["init","prime","first","second","restored"],"keys":{"init":"LOCALBEFORESNAPSHOT","now":"LOCALAFTERRESTORE"}}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	p.waitFor(`REPORT .*\tMax Memory Used: [1-9]\d+ MB\tRestore Duration: \d+\.\d\d ms\tBilled Restore Duration: \d+ ms\n`)
	p.waitFor(`START RequestId: \S+ Version: 1\n`)

	var variables map[string]*string
	body := f.result(`{"what": "environment", "names": ["AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
		"_HANDLER", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "AWS_PROFILE", "AWS_LAMBDA_FUNCTION_NAME"]}`)
	if err := json.Unmarshal([]byte(body), &variables); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start", "AWS_LAMBDA_FUNCTION_VERSION": "1", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "300",
		"_HANDLER": "app.run", "AWS_LAMBDA_FUNCTION_NAME": "function",
		"AWS_LAMBDA_LOG_GROUP_NAME": "", "AWS_LAMBDA_LOG_STREAM_NAME": "", "AWS_LAMBDA_RUNTIME_API": "", "AWS_PROFILE": "",
	} {
		if got := variables[name]; got == nil && want != "" || got != nil && *got != want {
			t.Errorf("%s is %v, want %q", name, got, want)
		}
	}

	// The log of an invocation reaches the caller who asks for it.
	a := f.invoke(`{"what": "say"}`, "X-Amz-Log-Type", "Tail")
	tail, err := base64.StdEncoding.DecodeString(a.Header.Get("X-Amz-Log-Result"))
	id := a.Header.Get("X-Amzn-Requestid")
	order := regexp.MustCompile(`(?s)START RequestId: ` + id + `.*INF hello .*request_id=` + id + `.*END RequestId: ` + id)
	if err != nil || !order.Match(tail) {
		t.Errorf("the tail is %s, %v", tail, err)
	}
	for _, secret := range []string{"AWS_CONTAINER_AUTHORIZATION_TOKEN", "LOCALBEFORESNAPSHOT", "LOCALAFTERRESTORE"} {
		if strings.Contains(p.output(), secret) {
			t.Errorf("%s was printed:\n%s", secret, p.output())
		}
	}
}

// The function gets the developer's own credentials, if the environment has some.
func TestLocalSnapStartWithOwnCredentials(t *testing.T) {
	env := snapshotOf(t, `
init <- Sys.getenv(c("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"), names = FALSE)
run <- function() c(init, Sys.getenv(c("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"), names = FALSE))
`, "AWS_ACCESS_KEY_ID=mine", "AWS_SECRET_ACCESS_KEY=mysecret", "AWS_SESSION_TOKEN=mytoken")
	_, f := startLocal(t, "app.run", env, "--snapstart")
	if got, want := f.result(`{}`), `["mine","mysecret","mytoken","mine","mysecret","mytoken"]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// answering serves lines: each is answered with "pong". It returns the port.
func answering(t *testing.T) (port int) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() { // ends with the listener
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { // ends with the connection, which ends with R
				defer conn.Close()
				for lines := bufio.NewScanner(conn); lines.Scan(); {
					fmt.Fprintln(conn, "pong")
				}
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

// connected is a function with a connection that it has opened at init.
const connected = `
connect <- function() socketConnection("127.0.0.1", %d, open = "r+", blocking = TRUE, timeout = 20)
ask <- function() tryCatch({ writeLines("ping", con); readLines(con, 1) }, error = function(e) character(), warning = function(w) character())
con <- connect()
init <- ask()
run <- function() list(init = init, now = ask())
`

// A connection from before the snapshot is dead after the restore. One that on_restore() has opened
// works.
func TestLocalSnapStartCutsConnections(t *testing.T) {
	for hook, want := range map[string]string{
		"": `{"init":"pong","now":[]}`,
		"on_snapshot(function() close(con)); on_restore(function() con <<- connect())": `{"init":"pong","now":"pong"}`,
	} {
		port := answering(t)
		p, f := startLocal(t, "app.run", snapshotOf(t, fmt.Sprintf(connected, port)+hook), "--snapstart")
		if got := f.result(`{}`); got != want {
			t.Errorf("with %q: got %s, want %s", hook, got, want)
		}
		said := strings.Contains(p.output(), fmt.Sprintf("network connections cut, as by a restore environment=1 peers=127.0.0.1:%d", port))
		if said != (hook == "") {
			t.Errorf("with %q:\n%s", hook, p.output())
		}
	}
}

// Several environments serve alternately. Their random numbers, temporary files and lines of the log
// are their own.
func TestLocalSnapStartEnvironments(t *testing.T) {
	env := snapshotOf(t, `
set.seed(1)
x <- runif(1)
run <- function() { cat("served\n"); c(Sys.getpid(), runif(1), basename(tempfile()), tempdir()) }
`)
	p, f := startLocal(t, "app.run", env, "--snapstart", "--restores", "2")
	p.waitFor(`restore \d+\.\d\d s to \d+\.\d\d s in 2 environments`)
	var seen [][]string
	for range 4 {
		var got []string
		if err := json.Unmarshal([]byte(f.result(`{}`)), &got); err != nil {
			t.Fatal(err)
		}
		seen = append(seen, got)
	}
	if seen[0][0] == seen[1][0] || seen[0][0] != seen[2][0] || seen[1][0] != seen[3][0] {
		t.Errorf("the environments did not serve alternately: %v", seen)
	}
	for i := 1; i < 4; i++ {
		if seen[0][i] == seen[1][i] {
			t.Errorf("both environments have %s", seen[0][i])
		}
	}
	for _, number := range []string{"1", "2"} {
		p.waitFor(`(?m)^\[` + number + `\] START RequestId: .*\n\[` + number + `\] .*INF served .*\n\[` + number + `\] END .*\n\[` + number + `\] REPORT .*Restore Duration`)
	}
}

// In the JSON format, each line says which environment it comes from and stays JSON.
func TestLocalSnapStartJSONLog(t *testing.T) {
	env := snapshotOf(t, `run <- function() cat("served\n")`, "AWS_LAMBDA_LOG_FORMAT=JSON")
	p, f := startLocal(t, "app.run", env, "--snapstart", "--restores", "2")
	f.result(`{}`)
	line := p.waitFor(`(?m)^\{.*"served".*\}$`)[0]
	var record struct {
		Environment        int
		Message, RequestID string
	}
	if err := json.Unmarshal([]byte(line), &record); err != nil || record.Environment < 1 || record.Environment > 2 || record.RequestID == "" {
		t.Errorf("got %+v, %v of %s", record, err, line)
	}
}

// Environments that draw the same numbers are found before they serve.
func TestLocalSnapStartFindsRepeatedNumbers(t *testing.T) {
	env := snapshotOf(t, `
lambda_config(keep_seed = TRUE)
set.seed(1)
run <- function() runif(1)
`)
	p := start(t, "", env, "local", "--addr", "127.0.0.1:0", "--snapstart", "--restores", "2", "app.run")
	if code := p.exitCode(); code != 1 {
		t.Errorf("exit status %d, want 1", code)
	}
	want := `bootstrap: environments that were restored from one snapshot draw the same values:
  environments 1, 2 draw 0.26550866314209998 with runif(); the random seed is in the snapshot: remove lambda_config(keep_seed = TRUE)`
	if out := p.output(); !strings.Contains(out, want) || strings.Contains(out, "is served") {
		t.Errorf("printed\n%s\nwant\n%s", out, want)
	}
	// One environment alone may keep its seed.
	_, f := startLocal(t, "app.run", env, "--snapstart")
	f.result(`{}`)
}

// A function that cannot be published or restored is not served. The reason is printed once, with
// the line that failed.
func TestLocalSnapStartFailures(t *testing.T) {
	for file, want := range map[string]string{
		`stop("no database")`: `Runtime.InitError: app.R:1: no database`,
		`run <- function() 1; on_snapshot(function() stop("no disk"))`:                `(?s)Runtime.BeforeSnapshotError.*no disk.*\(app.R:1\)`,
		`run <- function(n) stop("no event"); lambda_config(prime = list(n = 1))`:     `(?s)Runtime.BeforeSnapshotError.*priming.*no event.*\(app.R:1\)`,
		`run <- function() 1; on_restore(function() stop("no network"))`:              `(?s)Runtime.AfterRestoreError.*no network.*\(app.R:1\)`,
		`run <- function() 1; on_restore(function() quit(status = 3))`:                `Runtime.AfterRestoreError.*exited with status 3`,
		`run <- function() 1; on_snapshot(function() tools::pskill(Sys.getpid(), 9))`: `Runtime.BeforeSnapshotError.*SIGKILL`,
	} {
		t.Run(file, func(t *testing.T) {
			for _, restores := range []string{"1", "2"} {
				p := start(t, "", snapshotOf(t, file), "local", "--addr", "127.0.0.1:0", "--snapstart", "--restores", restores, "app.run")
				if code := p.exitCode(); code != 1 {
					t.Errorf("exit status %d, want 1", code)
				}
				out := p.output()
				if n := strings.Count(out, "fatal error"); !regexp.MustCompile(want).MatchString(out) || n < 1 || restores == "1" && n != 1 {
					t.Errorf("%d fatal errors, want %s in\n%s", n, want, out)
				}
				if strings.Contains(out, "is served") {
					t.Errorf("it is served:\n%s", out)
				}
			}
		})
	}
}

// An environment that ends while it serves ends bootstrap, which says so.
func TestLocalSnapStartWithoutItsEnvironment(t *testing.T) {
	env := snapshotOf(t, `run <- function() system("echo $PPID", intern = TRUE)`)
	p, f := startLocal(t, "app.run", env, "--snapstart", "--restores", "2")
	pid := strings.Trim(f.result(`{}`), `"`)
	kill(t, fmt.Sprint(proc.Parent(atoi(t, pid))))
	if code := p.exitCode(); code != 1 {
		t.Errorf("exit status %d, want 1", code)
	}
	p.waitFor(`bootstrap: environment 1 ended, see its log: it was killed by SIGKILL`)
}

func atoi(t *testing.T, text string) (n int) {
	t.Helper()
	if _, err := fmt.Sscan(text, &n); err != nil {
		t.Fatalf("%q is not a number: %v", text, err)
	}
	return n
}

// Each environment has the workers that --concurrency asks for.
func TestLocalSnapStartConcurrency(t *testing.T) {
	_, f := startLocal(t, "together.waits", []string{withoutCRIU, "LAMBDA_R_WORKERS=1"}, "--snapstart", "--restores", "2", "--concurrency", "2")
	meet(f, 4)
}

// Ctrl-C ends all environments in order, with status 0: while they serve, and during the init.
func TestLocalSnapStartInterrupt(t *testing.T) {
	env := snapshotOf(t, `
run <- function() Sys.getpid()
on_shutdown(function() cat("good-bye\n"))
`)
	p, f := startLocal(t, "app.run", env, "--snapstart", "--restores", "2")
	f.result(`{}`)
	p.Signal(syscall.SIGINT)
	if code := p.exitCode(); code != 0 {
		t.Errorf("exit status %d, want 0:\n%s", code, p.output())
	}
	for _, number := range []string{"1", "2"} {
		p.waitFor(`\[` + number + `\] .*INF good-bye `)
	}
	p.noProcessLeft()

	env = snapshotOf(t, `cat("loading\n"); Sys.sleep(1000)`)
	p = start(t, "", env, "local", "--addr", "127.0.0.1:0", "--snapstart", "app.run")
	p.waitFor("INF loading")
	p.Signal(syscall.SIGINT)
	if code := p.exitCode(); code != 0 {
		t.Errorf("exit status %d, want 0:\n%s", code, p.output())
	}
}

// No temporary files are left.
func TestLocalSnapStartRemovesItsFiles(t *testing.T) {
	dir := t.TempDir()
	p, f := startLocal(t, "faults.pid", []string{withoutCRIU, "TMPDIR=" + dir}, "--snapstart", "--restores", "2")
	f.result(`{}`)
	p.Signal(syscall.SIGTERM)
	p.exitCode()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("left %v, %v", entries, err)
	}
}

// If bootstrap is killed, its environments die with it.
func TestLocalSnapStartKilled(t *testing.T) {
	p, f := startLocal(t, "faults.pid", []string{withoutCRIU}, "--snapstart", "--restores", "2")
	pids := []int{atoi(t, f.result(`{}`)), atoi(t, f.result(`{}`))}
	if pids[0] == pids[1] {
		t.Fatalf("the workers are %v", pids)
	}
	p.Signal(syscall.SIGKILL)
	if left := proc.WaitGone(2*time.Second, pids...); len(left) > 0 {
		t.Errorf("%v outlived bootstrap", left)
	}
	p.exitCode()
	p.noProcessLeft()
}

// A process outside the environments cannot use their Runtime API.
func TestLocalSnapStartRuntimeAPIIsPrivate(t *testing.T) {
	env := snapshotOf(t, `run <- function() Sys.getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")`)
	_, f := startLocal(t, "app.run", env, "--snapstart", "--restores", "2")
	uri := strings.Trim(f.result(`{}`), `"`)
	api := function{t, strings.TrimSuffix(uri, "/2021-04-23/credentials")}
	if a := api.invoke(`{}`); a.Status != 403 {
		t.Errorf("got status %d %s", a.Status, a.Body)
	}
}
