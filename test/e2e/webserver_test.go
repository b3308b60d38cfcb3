package e2e

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startWeb serves the command of a web server in testdata/web behind the emulator.
func startWeb(t *testing.T, env []string, flags []string, command ...string) (*program, function) {
	t.Helper()
	args := append(append([]string{"local", "--addr", "127.0.0.1:0"}, flags...), "--")
	p := start(t, "web", env, append(args, command...)...)
	url := p.waitFor(`is served on (http://127\.0\.0\.1:\d+)`)[1]
	return p, function{t, url}
}

func startApp(t *testing.T, flags ...string) (*program, function) {
	t.Helper()
	return startWeb(t, nil, flags, "Rscript", "app.R")
}

func (f function) body(path string) string { return f.http("GET", path, "").Body }

func TestWebServer(t *testing.T) {
	for _, format := range []string{"url", "rest", "alb", "lattice"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			p, f := startApp(t, "--http="+format)
			if got := f.http("GET", "/request?a=1&b=x%20y", "", "Cookie", "c=1; d=2"); got.Body != "GET /request ?a=1&b=x%20y c=1; d=2" {
				t.Errorf("got %q", got.Body)
			}
			if got := f.http("POST", "/echo", "\x00\xff", "Content-Type", "application/octet-stream"); got.Body != "\x00\xff" {
				t.Errorf("the body came back as %q", got.Body)
			}
			if got := f.http("GET", "/png", ""); got.Body != "\x89PNG"[:2]+"\x00\xff" || got.Header.Get("Content-Type") != "image/png" {
				t.Errorf("got %q, %v", got.Body, got.Header)
			}
			if got := f.http("HEAD", "/pid", ""); got.Status != 200 || got.Body != "" {
				t.Errorf("HEAD: got %d %q", got.Status, got.Body)
			}
			if got := f.http("GET", "/none", ""); got.Status != 204 || got.Body != "" {
				t.Errorf("204: got %d %q", got.Status, got.Body)
			}
			if got := f.http("GET", "/not/there", ""); got.Status != 404 || got.Body != "no such path" {
				t.Errorf("404: got %d %q", got.Status, got.Body)
			}
			if got := f.http("GET", "/cookies", "").Header.Values("Set-Cookie"); format != "alb" && format != "lattice" && !slices.Equal(got, []string{"a=1", "b=2"}) {
				t.Errorf("got the cookies %q", got)
			}
			if got := f.body("/warn"); got != "warned" {
				t.Errorf("got %q", got)
			}
			p.waitFor(`careful .*request_id=\w`)
		})
	}
}

// The headers of AWS's web adapter. A caller's own are dropped.
func TestWebServerContext(t *testing.T) {
	_, f := startApp(t)
	var context struct {
		ID  string `json:"request_id"`
		ARN string `json:"invoked_function_arn"`
	}
	forged := []string{"X-Amzn-Lambda-Context", "forged", "X-Amzn-Request-Context", "forged", "X-Amz-Tenant-Id", "forged"}
	got := f.http("GET", "/header?x-amzn-lambda-context", "", forged...).Body
	if err := json.Unmarshal([]byte(got), &context); err != nil || context.ID == "" || !strings.HasPrefix(context.ARN, "arn:aws:lambda:") {
		t.Errorf("got %s", got)
	}
	if got := f.http("GET", "/header?x-amzn-request-context", "", forged...).Body; !strings.Contains(got, `"stage":"$default"`) {
		t.Errorf("got %s", got)
	}
	if got := f.http("GET", "/header?x-amz-tenant-id", "", forged...); got.Status != 500 { // R finds no such header
		t.Errorf("got %d %s", got.Status, got.Body)
	}
	if got := f.body("/header?x-amzn-trace-id"); !strings.HasPrefix(got, "Root=1-") {
		t.Errorf("got %s", got)
	}
}

// A request that httpuv does not understand, and would close the connection of, is not sent to it: a caller
// could have servers replaced with it.
func TestWebServerRefuses(t *testing.T) {
	p, f := startApp(t)
	first := f.body("/pid")
	long := strings.Repeat("a", 90_000)
	for _, row := range []struct {
		status       int
		method, path string
		header       []string
	}{
		{501, "BREW", "/pid", nil}, {501, "get", "/pid", nil}, {501, "QUERY", "/pid", nil},
		{431, "GET", "/" + long, nil}, {431, "GET", "/pid", []string{"X-Long", long}},
		{200, "GET", "/pid", []string{"X-Long", long[:60_000]}}, {200, "PATCH", "/pid", nil},
	} {
		if got := f.http(row.method, row.path, "", row.header...); got.Status != row.status {
			t.Errorf("%s %.20s: got %d %s, want %d", row.method, row.path, got.Status, got.Body, row.status)
		}
	}
	p.waitFor(`INF request refused .*status=501 reason="the method \\"BREW\\" is not supported"`)
	if got := f.body("/pid"); got != first {
		t.Errorf("the server was replaced:\n%s", p.output())
	}
	if got := f.body("//request"); got != "//request" { // which net/http takes for a host
		t.Errorf("got %q", got)
	}
}

func TestWebServerDies(t *testing.T) {
	p, f := startApp(t)
	for path, reason := range map[string]string{
		"/die": `Runtime\.WorkerCrashed: the R process \(pid \d+\) was killed by SIGKILL`, "/quit": `Runtime\.WorkerCrashed: the R process \(pid \d+\) exited with status 7`,
	} {
		first := f.body("/pid")
		if got := f.http("GET", path, ""); got.Status != 502 {
			t.Errorf("%s: got %d %s", path, got.Status, got.Body)
		}
		p.waitFor(`ERR invocation error: ` + reason)
		if got := f.body("/pid"); got == first || got == "" {
			t.Errorf("%s: after %q came %q", path, first, got)
		}
	}
}

// A server that the kernel kills because memory ran out is replaced.
func TestWebServerOutOfMemory(t *testing.T) {
	for _, fork := range []string{"never", "always"} {
		t.Run("LAMBDA_R_FORK="+fork, func(t *testing.T) {
			t.Parallel()
			p, f := startWeb(t, []string{"LAMBDA_R_FORK=" + fork}, []string{"--memory", "200", "--strict"}, "Rscript", "app.R")
			first := f.body("/pid")
			if strings.Contains(p.output(), "--strict cannot limit memory on this machine") {
				return
			}
			if got := f.http("GET", "/hoard", ""); got.Status != 502 {
				t.Errorf("got %d %s", got.Status, got.Body)
			}
			p.waitFor(`ERR invocation error: Runtime\.OutOfMemory: .* of 200 MB`)
			if got := f.body("/pid"); got == first || got == "" {
				t.Errorf("after %q came %q", first, got)
			}
		})
	}
}

func TestWebServerHangs(t *testing.T) {
	p, f := startApp(t, "--timeout=2s")
	first := f.body("/pid")
	start := time.Now()
	if got := f.http("GET", "/sleep", ""); got.Status != 502 {
		t.Errorf("got %d %s", got.Status, got.Body)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("the answer came after %v", took)
	}
	p.waitFor(`Runtime\.InvocationTimeout: the handler was stopped after .*; it was in Sys\.sleep\(seconds\)`)
	p.waitFor(`ERR +\d: nap\(60\)`)
	if strings.Contains(p.output(), "rookCall") || strings.Contains(p.output(), "doTryCatch") {
		t.Errorf("the stack has frames of httpuv:\n%s", p.output())
	}
	if got := f.body("/pid"); got == first {
		t.Errorf("the server was not replaced")
	}
}

func TestWebServerErrors(t *testing.T) {
	p, f := startApp(t)
	first := f.body("/pid")
	if got := f.http("GET", "/stop", ""); got.Status != 500 || got.Body != "ERROR: no luck" {
		t.Errorf("got %d %s", got.Status, got.Body)
	}
	p.waitFor(`ERR invocation error: http_error: the web server answered "GET /stop" with status 500`)
	if got := f.http("GET", "/unavailable", ""); got.Status != 503 || got.Body != "later" {
		t.Errorf("got %d %s", got.Status, got.Body)
	}
	if got := f.body("/pid"); got != first {
		t.Errorf("the server was replaced")
	}
}

// A response that is too large is streamed where the source can, and an error elsewhere.
func TestWebServerLargeResponses(t *testing.T) {
	_, f := startApp(t)
	if got := f.http("GET", "/big", "", "Accept-Encoding", "identity"); got.Status != 200 || got.Body != strings.Repeat("x", 7e6) {
		t.Errorf("got %d with %d bytes", got.Status, len(got.Body))
	}
	p, f := startApp(t, "--http=alb")
	if got := f.http("GET", "/big", "", "Accept-Encoding", "identity"); got.Status != 502 {
		t.Errorf("got %d with %d bytes", got.Status, len(got.Body))
	}
	p.waitFor(`Function\.ResponseSizeTooLarge`)
}

func TestWebServerOtherEvents(t *testing.T) {
	_, f := startApp(t)
	if got := f.result(`{"Records": [{"eventSource": "aws:sqs"}]}`); got != `{"Records": [{"eventSource": "aws:sqs"}]}` {
		t.Errorf("got %s", got)
	}
	if got := f.failure(`{"bad": 1}`); got.Type != "http_error" || !strings.Contains(got.Message, "with status 500: not this one") {
		t.Errorf("got %+v", got)
	}
}

func TestWebServerExitHooks(t *testing.T) {
	p, f := startApp(t)
	f.body("/pid")
	p.Signal(syscall.SIGTERM)
	p.exitCode()
	if !strings.Contains(p.output(), "finished") {
		t.Errorf("the finalizer did not run:\n%s", p.output())
	}
}

// One script with a port in it serves in several processes at once.
func TestWebServerConcurrency(t *testing.T) {
	for _, fork := range []string{"never", "always"} {
		_, f := startWeb(t, []string{"LAMBDA_R_FORK=" + fork, "MEETING=" + t.TempDir()}, []string{"--concurrency=4"}, "Rscript", "app.R")
		answers := make(chan string, 4)
		for range 4 {
			go func() { answers <- f.body("/meet") }() // received below
		}
		for range 4 {
			if got := <-answers; got != "met" {
				t.Errorf("%s: got %q", fork, got)
			}
		}
	}
}

// A server that has crashed is forked again, and differs from its copies in what must differ.
func TestWebServerIsForked(t *testing.T) {
	p, f := startWeb(t, []string{"LAMBDA_R_FORK=always", "AWS_LAMBDA_LOG_LEVEL=DEBUG"}, nil, "Rscript", "app.R")
	seen := map[string]bool{}
	for range 3 {
		for field := range strings.FieldsSeq(strings.TrimSuffix(f.body("/draw"), " 9")) {
			if seen[field] {
				t.Errorf("two servers have %s", field)
			}
			seen[field] = true
		}
		if got := f.http("GET", "/die", ""); got.Status != 502 {
			t.Errorf("got %d %s", got.Status, got.Body)
		}
	}
	if len(seen) != 9 {
		t.Errorf("got %q", slices.Collect(maps.Keys(seen)))
	}
	f.body("/pid")
	if forked, started := strings.Count(p.output(), "R process forked"), strings.Count(p.output(), "R process started"); forked != 4 || started != 1 {
		t.Errorf("%d processes were forked and %d started:\n%s", forked, started, p.output())
	}
}

// A server whose script has opened a connection is started, not forked.
func TestWebServerWithAConnectionIsNotForked(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "app.R"), `serve <- function() {
  con <- structure(list(), class = "DBIConnection")
  attr(con, "dbname") <- "orders"
  httpuv::runServer("0.0.0.0", 80, list(call = function(req) list(status = 200L, headers = list(), body = "served")))
}
serve()`)
	env := []string{"LAMBDA_TASK_ROOT=" + dir, "AWS_LAMBDA_LOG_LEVEL=DEBUG"}
	p, f := startWeb(t, env, []string{"--concurrency=2"}, "Rscript", "app.R")
	if got := f.body("/"); got != "served" {
		t.Errorf("got %q", got)
	}
	p.waitFor(`forking decided .*fork=false reason="the handler's file has made con, a connection of class DBIConnection`)
}

func TestWebServerRecycling(t *testing.T) {
	_, f := startWeb(t, []string{"LAMBDA_R_MAX_INVOCATIONS=1"}, nil, "Rscript", "app.R")
	if first, second := f.body("/pid"), f.body("/pid"); first == second {
		t.Errorf("pid %s served twice", first)
	}
}

func TestWebServerDoesNotStart(t *testing.T) {
	lib := fakeShiny(t)
	for name, row := range map[string]struct{ code, want string }{
		"stops":   {`stop("no database")`, `Runtime\.WorkerCrashed: the R process \(pid \d+\) exited with status 1; last on stderr:\n(.*\n)*.*no database`},
		"returns": {`cat("done\n")`, `exited with status 0`},
		"shiny": {`library(shiny)
runApp("app")`, `Shiny needs a websocket`},
		"elsewhere": {`s <- serverSocket(28123); Sys.sleep(60)`, `Runtime\.InitTimeout: the web server listens on (0\.0\.0\.0|\[::\]):28123 only; make it listen on .* PORT`},
		"never":     {`Sys.sleep(60)`, `Runtime\.InitTimeout: the web server does not listen on its port: R was not ready within 3s .*PORT`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			writeFile(t, filepath.Join(dir, "app.R"), row.code)
			env := []string{"LAMBDA_TASK_ROOT=" + dir, "R_LIBS=" + lib}
			if name == "never" {
				env = append(env, "LAMBDA_R_INIT_TIMEOUT=3s")
			}
			p := start(t, "web", env, "local", "--addr", "127.0.0.1:0", "--", "Rscript", "app.R")
			if code := p.exitCode(); code != 1 {
				t.Errorf("exit status %d", code)
			}
			if !regexp.MustCompile(row.want).MatchString(p.output()) {
				t.Errorf("want %q, got:\n%s", row.want, p.output())
			}
		})
	}
}

// fakeShiny installs a package named shiny, whose runApp() returns, and returns its library.
func fakeShiny(t *testing.T) (lib string) {
	t.Helper()
	lib = t.TempDir()
	src := filepath.Join(t.TempDir(), "shiny")
	if err := os.MkdirAll(filepath.Join(src, "R"), 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(src, "DESCRIPTION"), "Package: shiny\nVersion: 1.0\nTitle: X\nDescription: X.\nLicense: MIT\nAuthor: X\nMaintainer: X <x@example.com>\n")
	writeFile(t, filepath.Join(src, "NAMESPACE"), "export(runApp)\n")
	writeFile(t, filepath.Join(src, "R", "run.R"), "runApp <- function(...) NULL\n")
	if out, err := exec.Command("R", "CMD", "INSTALL", "--no-docs", "--no-test-load", "-l", lib, src).CombinedOutput(); err != nil {
		t.Fatalf("R CMD INSTALL: %v\n%s", err, out)
	}
	return lib
}

// A file that starts a server is one; a file with annotations is a plumber API.
func TestWebServerIsDetected(t *testing.T) {
	p, f := func() (*program, function) {
		p := start(t, "web", nil, "local", "--addr", "127.0.0.1:0", "app.R")
		return p, function{t, p.waitFor(`is served on (http://127\.0\.0\.1:\d+)`)[1]}
	}()
	if got := f.body("/request"); got != "GET /request  " {
		t.Errorf("got %q", got)
	}
	if !strings.Contains(p.output(), "app.R is served") {
		t.Errorf("got:\n%s", p.output())
	}
	root, err := filepath.Abs("testdata/web")
	if err != nil {
		t.Fatal(err)
	}
	out, code := examine(t, nil, []string{"LAMBDA_TASK_ROOT=" + root}, "app.R")
	expectLines(t, out, `ok    web server: Rscript app\.R listens after \d\.\d s and uses \d+ MB; it is a web server because app\.R has no plumber annotations and calls .*startServer\(\)`)
	if code != 0 {
		t.Errorf("exit status %d:\n%s", code, out)
	}
}

// The user's own site profile and profile are read, and other R processes do not get the server's.
func TestWebServerReadsProfiles(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "site.R"), `options(from_site = "site")`)
	writeFile(t, filepath.Join(dir, ".Rprofile"), "options(from_user = \"user\")\n")
	app := `body <- paste(getOption("from_site"), getOption("from_user"), Sys.getenv("R_PROFILE"), ls(globalenv(), all.names = TRUE))
httpuv::runServer("127.0.0.1", 3000, list(call = function(req) list(status = 200L, headers = list(), body = body)))`
	writeFile(t, filepath.Join(dir, "app.R"), app)
	site := filepath.Join(dir, "site.R")
	_, f := startWeb(t, []string{"LAMBDA_TASK_ROOT=" + dir, "R_PROFILE=" + site}, nil, "Rscript", "app.R")
	if got, want := f.body("/"), "site user "+site+" "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Plumber as a server: its exit hook runs, and a timeout names the line.
func TestPlumberAsAServer(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "api.R"), "#* @get /add\nfunction(a, b) as.numeric(a) + as.numeric(b)\n\n#* @get /hang\nfunction() {\n  Sys.sleep(60)\n}\n")
	writeFile(t, filepath.Join(dir, "app.R"), "library(plumber)\napi <- pr_hook(pr(\"api.R\"), \"exit\", function() cat(\"plumber exits\\n\"))\npr_run(api, port = 8000)\n")
	p, f := startWeb(t, []string{"LAMBDA_TASK_ROOT=" + dir}, []string{"--timeout=2s"}, "Rscript", "app.R")
	if got := f.body("/add?a=1&b=2"); got != "[3]" {
		t.Errorf("got %s", got)
	}
	if got := f.http(http.MethodGet, "/hang", ""); got.Status != 502 {
		t.Errorf("got %d %s", got.Status, got.Body)
	}
	p.waitFor(`it was in Sys\.sleep\(60\) \(.*api\.R:6\)`)
	f.body("/add?a=1&b=2")
	p.Signal(syscall.SIGTERM)
	p.exitCode()
	if !strings.Contains(p.output(), "plumber exits") {
		t.Errorf("the exit hook did not run:\n%s", p.output())
	}
}

func TestWebServerInLambda(t *testing.T) {
	rec := newRecorder(t, 20*time.Second, nil)
	start(t, "web", rec.Env("Rscript"), "Rscript", "app.R") // the image's CMD
	f := function{t, rec.URL}
	if got := f.get("/request", "a=1"); got.Status != 200 || got.Body != "GET /request ?a=1 " {
		t.Errorf("got %+v", got)
	}
}

// After a restore, R draws from a new seed and has another tempdir().
func TestWebServerSnapStart(t *testing.T) {
	for _, fork := range []string{"never", "always"} {
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, "app.R"), `set.seed(1)
old <- tempdir()
httpuv::runServer("127.0.0.1", 3000, list(call = function(req) {
  list(status = 200L, headers = list(), body = paste(format(runif(1), digits = 15), tempdir() == old))
}))`)
		_, f := startWeb(t, []string{"LAMBDA_TASK_ROOT=" + dir, "LAMBDA_R_FORK=" + fork}, []string{"--snapstart"}, "Rscript", "app.R")
		if got := f.body("/"); !strings.HasSuffix(got, " FALSE") || strings.HasPrefix(got, "0.26550866") {
			t.Errorf("%s: got %q", fork, got)
		}
	}
}
