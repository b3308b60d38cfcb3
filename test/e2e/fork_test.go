package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"lambda-r-runtime/test/kit/lambda"
	"lambda-r-runtime/test/kit/proc"
)

// startForking starts bootstrap local with code as its handler's file and R's functions f.
func startForking(t *testing.T, code string, env []string, flags ...string) (*program, function) {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "app.R"), code)
	env = append([]string{"LAMBDA_TASK_ROOT=" + dir, "LAMBDA_R_FORK=always", "LOG_LEVEL=debug"}, env...)
	return startLocal(t, "app.f", env, flags...)
}

// template returns the pid of the R that the last worker was forked from.
func (p *program) template() int {
	p.t.Helper()
	p.waitFor(`R process forked .*template=\d+`)
	all := regexp.MustCompile(`R process forked .*template=(\d+)`).FindAllStringSubmatch(p.output(), -1)
	pid, err := strconv.Atoi(all[len(all)-1][1])
	if err != nil {
		p.t.Fatal(err)
	}
	return pid
}

// count returns how often bootstrap has printed what matches pattern.
func (p *program) count(pattern string) int {
	return len(regexp.MustCompile(pattern).FindAllString(p.output(), -1))
}

// Forked workers are loaded once, and share nothing that must be a worker's own.
func TestForkedWorkersAreTheirOwn(t *testing.T) {
	p, f := startForking(t, `
cat("loading\n")
invisible(runif(1))
invisible(openssl::rand_bytes(1))
counter <- 0
f <- function(dir, n) {
  counter <<- counter + 1
  closeAllConnections()
  file.create(file.path(dir, Sys.getpid()))
  while (length(list.files(dir)) < n) Sys.sleep(0.002)
  list(
    pid = Sys.getpid(), random = runif(1), bytes = paste(openssl::rand_bytes(8), collapse = ""),
    temp = tempdir(), own = Sys.getenv("TMPDIR"), file = basename(tempfile()), counter = counter
  )
}
`, nil, "--concurrency", "4")
	p.waitFor(`worker ready slot=3`)
	g := newGathering(f)
	g.invite(4, false)
	seen := map[string]bool{}
	for range 4 {
		a := <-g.answers
		var got struct {
			PID, Counter           int
			Random                 float64
			Bytes, Temp, Own, File string
		}
		if err := json.Unmarshal([]byte(a.Body), &got); err != nil {
			t.Fatalf("%v: %s", err, a.Body)
		}
		for _, unique := range []string{fmt.Sprint(got.PID), fmt.Sprint(got.Random), got.Bytes, got.Temp, got.Own, got.File} {
			if seen[unique] {
				t.Errorf("two workers have %s", unique)
			}
			seen[unique] = true
		}
		if !strings.HasPrefix(got.Temp, got.Own+"/") || got.Counter != 1 {
			t.Errorf("got %+v", got)
		}
		if got.PID == p.template() || proc.Parent(got.PID) != p.Cmd.Process.Pid {
			t.Errorf("worker %d has the parent %d; the template is %d", got.PID, proc.Parent(got.PID), p.template())
		}
	}
	if n := p.count(`loading`); n != 1 {
		t.Errorf("loaded %d times", n)
	}
	for _, pid := range p.Processes() {
		if state, _ := proc.Stat(pid); state == 'Z' {
			t.Errorf("process %d is a zombie", pid)
		}
	}
}

// The hooks of on_fork() run in each forked worker, the first one first, before it is ready. What they
// print is logged with the worker's pid.
func TestForkHooks(t *testing.T) {
	p, f := startForking(t, `
on_fork(function() cat("first in", Sys.getpid(), "\n"))
on_fork(function() { message("second in ", Sys.getpid()); made_in <<- Sys.getpid() })
f <- function() list(pid = Sys.getpid(), made_in = made_in)
`, nil)
	for range 2 {
		var got struct {
			PID    int `json:"pid"`
			MadeIn int `json:"made_in"`
		}
		if err := json.Unmarshal([]byte(f.result(`{}`)), &got); err != nil || got.PID != got.MadeIn {
			t.Fatalf("%+v, %v", got, err)
		}
		p.waitFor(fmt.Sprintf(`(?s)INF first in %[1]d .*pid=%[1]d .*INF second in %[1]d .*pid=%[1]d.*worker ready`, got.PID))
		kill(t, strconv.Itoa(got.PID))
		p.waitFor(fmt.Sprintf(`worker died idle .*worker=%d`, got.PID))
	}
}

// A hook of on_fork() that fails is an init error, with the hook's line.
func TestForkHookFails(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "app.R"), "on_fork(function() {\n  stop('no database')\n})\nf <- function() 1\n")
	p := start(t, "", []string{"LAMBDA_TASK_ROOT=" + dir, "LAMBDA_R_FORK=always"}, "local", "--addr", "127.0.0.1:0", "app.f")
	if code := p.exitCode(); code != 1 {
		t.Errorf("exit status %d", code)
	}
	p.waitFor(`Runtime.InitError: an on_fork\(\) hook failed: simpleError: app.R:1: no database`)
}

// A fork that hangs ends forking: workers are spawned, with one warning.
func TestForkHangs(t *testing.T) {
	p, f := startForking(t, "on_fork(function() Sys.sleep(600))\nf <- function() Sys.getpid()\n", nil, "--concurrency", "2")
	p.waitFor(`WRN forking has failed, workers are spawned from now on .*not ready within 5s`)
	p.waitFor(`worker ready slot=1`)
	for range 2 {
		pid := f.result(`{}`)
		kill(t, pid)
		p.waitFor(`worker died idle .*worker=` + pid)
	}
	f.result(`{}`)
	if n := p.count(`WRN (forking|template)`); n != 1 {
		t.Errorf("%d warnings", n)
	}
	if n := p.count(`R process forked`); n != 1 {
		t.Errorf("%d forks", n)
	}
}

// An R that cannot fork serves itself.
func TestForkIsRefused(t *testing.T) {
	p, f := startForking(t, `
local({
  parallel <- asNamespace("parallel")
  unlockBinding("C_mc_fork", parallel)
  assign("C_mc_fork", NULL, parallel)
})
cat("loaded by", Sys.getpid(), "\n")
f <- function() Sys.getpid()
`, nil)
	p.waitFor(`WRN forking has failed, workers are spawned from now on .*the package parallel of this R has no C_mc_fork`)
	if pid, loader := f.result(`{}`), p.waitFor(`loaded by (\d+)`)[1]; pid != loader {
		t.Errorf("process %s serves, and %s has loaded the handler", pid, loader)
	}
}

// When the template dies, its workers live on, even with their children. Workers are spawned until
// there is another template. That is one warning.
func TestTemplateDies(t *testing.T) {
	p, f := startForking(t, `
f <- function(wait = FALSE) {
  if (wait) {
    child <- parallel::mcparallel({ cat("child\n"); Sys.sleep(1); "from the child" })
    return(parallel::mccollect(child)[[1]])
  }
  Sys.getpid()
}
`, nil)
	for i := range 2 {
		template := p.template()
		answers := make(chan answer)
		go func() { answers <- f.invoke(`{"wait": true}`) }() // received below
		waitUntil(t, func() bool { return p.count(`INF child`) == i+1 }, "the child runs")
		if err := syscall.Kill(template, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if a := <-answers; a.Body != `"from the child"` {
			t.Errorf("got %s", a.Body)
		}
		forks := p.count(`R process forked`)
		waitUntil(t, func() bool {
			old := f.result(`{}`)
			kill(t, old)
			p.waitFor(`worker died idle .*worker=` + old)
			if pid := f.result(`{}`); pid == old {
				t.Errorf("%s answers again", pid)
			}
			return p.count(`R process forked`) > forks
		}, "workers are forked again")
	}
	p.waitFor(`WRN template died, workers are spawned until it is replaced .*SIGKILL`)
	if n := p.count(`WRN template died`); n != 1 {
		t.Errorf("%d warnings of dead templates", n)
	}
}

// If bootstrap is killed, nothing of it is left: not the template, no idle worker, and none that is
// busy and never looks at its pipes.
func TestKilledBootstrapLeavesNoForks(t *testing.T) {
	p, f := startForking(t, `
f <- function(dir) {
  file.create(file.path(dir, Sys.getpid()))
  system("sleep 600 &")
  suspendInterrupts(repeat 1)
}
`, nil, "--concurrency", "3")
	p.waitFor(`worker ready slot=2`)
	g := newGathering(f)
	for range 2 {
		g.invite(1, true)
	}
	busy := g.present(2)
	if err := p.Cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.exitCode()
	p.noProcessLeft()
	for _, pid := range busy {
		n, err := strconv.Atoi(pid)
		if err != nil {
			t.Fatal(err)
		}
		if left := proc.WaitGone(patience, n); len(left) > 0 {
			t.Errorf("worker %d lives", n)
		}
	}
	for range 2 {
		<-g.answers
	}
}

// The function decides whether its workers are forked, and the log says why. (How long an init takes
// depends on the machine's load; TestForkDecision has short ones.)
func TestForkAuto(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	connects := fmt.Sprintf("connect <- function() socketConnection('127.0.0.1', %d)\ncon <- connect()\n", port)
	const slow, handler = "Sys.sleep(0.6)\n", "f <- function() 1\n"
	for name, test := range map[string]struct {
		code        string
		env         []string
		concurrency int
		fork        bool
		reason      string
	}{
		"two workers":       {handler, nil, 2, true, "worth its memory"},
		"long init":         {slow + handler, nil, 1, true, "worth its memory"},
		"worker per event":  {handler, []string{"LAMBDA_R_MAX_INVOCATIONS=1"}, 1, true, "worth its memory"},
		"connection":        {connects + handler, nil, 2, false, "the handler's file has made a TCP connection to 127.0.0.1:"},
		"connection, hook":  {connects + "on_fork(function() con <<- connect())\n" + handler, nil, 2, true, "worth its memory"},
		"threads":           {"library(data.table)\nsetDTthreads(2)\nx <- data.table(a = runif(1e6), b = 1:100)[, sum(a), by = b]\n" + handler, nil, 2, false, "OpenMP threads, of package data.table"},
		"never":             {handler, []string{"LAMBDA_R_FORK=never"}, 2, false, ""},
		"always, connected": {connects + handler, []string{"LAMBDA_R_FORK=always"}, 1, true, "LAMBDA_R_FORK is always"},
	} {
		if name == "threads" && lambda.HasR(t, "data.table", "1.18") { // no more threads than the template has
			test.fork, test.reason = true, "worth its memory"
		}
		t.Run(name, func(t *testing.T) {
			env := append([]string{"LAMBDA_R_FORK="}, test.env...)
			p, f := startForking(t, test.code, env, "--concurrency", strconv.Itoa(test.concurrency))
			f.result(`{}`)
			if forked := p.count(`R process forked`) > 0; forked != test.fork {
				t.Errorf("forked: %v", forked)
			}
			if test.reason != "" {
				p.waitFor(`DBG forking decided .*` + regexp.QuoteMeta(test.reason))
			}
			warns := p.count(`WRN forked workers cannot use what the handler's file has made .*fix="open it again in on_fork\(\)"`)
			if want := map[bool]int{true: 1}[name == "always, connected"]; warns != want {
				t.Errorf("%d warnings, want %d", warns, want)
			}
		})
	}
}

// Workers get as many threads as without forking, although the template has one.
func TestThreadsOfForkedWorkers(t *testing.T) {
	const code = `
library(data.table)
f <- function() list(
  env = as.list(Sys.getenv(c("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"))), data.table = getDTthreads()
)
`
	var want string
	for _, fork := range []string{"never", "always", ""} { // auto lets the R serve that has loaded the handler
		_, f := startForking(t, code, []string{"LAMBDA_R_FORK=" + fork, "OMP_NUM_THREADS=2", "R_DATATABLE_NUM_PROCS_PERCENT=100"})
		got := f.result(`{}`)
		if want == "" {
			want = got
		}
		if got != want || !strings.Contains(got, `"data.table":2`) {
			t.Errorf("LAMBDA_R_FORK=%s: %s, want %s", fork, got, want)
		}
	}
}

// eachBirth runs a test with workers that were spawned and with forked ones. Env sets that.
func eachBirth(t *testing.T, test func(t *testing.T, env ...string)) {
	for name, fork := range map[string]string{"spawned": "never", "forked": "always"} {
		t.Run(name, func(t *testing.T) { test(t, "LAMBDA_R_FORK="+fork) })
	}
}

// Forked workers that hang in their first invocations, where spawned ones do not, end forking.
func TestForkedWorkerHangs(t *testing.T) {
	p, f := startForking(t, `
loaded_in <- Sys.getenv("TMPDIR")
f <- function() {
  if (Sys.getenv("TMPDIR") != loaded_in) suspendInterrupts(repeat 1) # as a library does that waits for a thread
  Sys.getpid()
}
`, nil, "--timeout", "1s")
	for range 3 {
		if e := f.failure(`{}`); e.Type != "Runtime.InvocationTimeout" {
			t.Errorf("got %+v", e)
		}
		pid := f.result(`{}`)
		kill(t, pid)
		p.waitFor(`worker died idle .*worker=` + pid)
	}
	f.result(`{}`)
	p.waitFor(`WRN forking has failed, workers are spawned from now on .*3 forked workers in a row hung in their first invocations`)
	if n := p.count(`R process forked`); n != 3 {
		t.Errorf("%d forks", n)
	}
}

// An event that always hangs does not end forking, even if it is retried: it hangs in a worker's first
// invocation then.
func TestHangingEventDoesNotEndForking(t *testing.T) {
	p, f := startForking(t, `f <- function(hang = FALSE) if (hang) suspendInterrupts(repeat 1) else Sys.getpid()`, nil, "--timeout", "1s")
	f.result(`{}`)
	for range 2 {
		if e := f.failure(`{"hang": true}`); e.Type != "Runtime.InvocationTimeout" {
			t.Errorf("got %+v", e)
		}
	}
	pid := f.result(`{}`) // of a worker that was spawned for a trial
	forks := p.count(`R process forked`)
	kill(t, pid)
	p.waitFor(`worker died idle .*worker=` + pid)
	f.result(`{}`)
	if n := p.count(`R process forked`); n != forks+1 {
		t.Errorf("%d forks, want %d", n, forks+1)
	}
}

// With LAMBDA_R_MAX_INVOCATIONS=1 each invocation has a process of its own, and none fails.
func TestIsolation(t *testing.T) {
	eachBirth(t, func(t *testing.T, env ...string) {
		_, f := startForking(t, "served <- 0\nf <- function() c(served <<- served + 1, Sys.getpid())\n",
			append(env, "LAMBDA_R_MAX_INVOCATIONS=1"))
		pids := map[string]bool{}
		for i := range 5 {
			got := f.result(`{}`)
			if !strings.HasPrefix(got, "[1,") || pids[got] {
				t.Errorf("invocation %d: %s", i, got)
			}
			pids[got] = true
		}
	})
}
