package e2e

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Each row is a function and what bootstrap doctor prints about its forks.
func TestDoctorFork(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() }) // after the parallel rows
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	openMP := buildOpenMP(t, "fastmath")
	connect := `con <- DBI::dbConnect(RSQLite::SQLite(), "` + filepath.Join(t.TempDir(), "data.sqlite") + `")` + "\n"
	const (
		handler = "\nf <- function() 1\n"
		long    = "Sys.sleep(0.6)\n"
		forked  = `ok    fork: a worker was forked, and was ready after \d+ ms`
		worth   = `forking is worth its memory, and nothing was found that forked workers cannot use`
		cannot  = `fork: forked workers cannot use what the handler's file has made: `
		reopen  = `open it again in on_fork\(\)`
		// On a busy machine, the init of any R is long.
		short = `ok    fork: 1 worker would be (spawned: the init takes \d+ ms, less than 500 ms, and there is one worker|forked: .*)`
	)
	for _, row := range []struct {
		name, code string
		env        []string
		status     int
		lines      []string
	}{
		{"a short init", "", nil, 0, []string{forked, short, `ok    fork: 2 workers would be forked: ` + worth}},
		{"a long init", long, []string{"LAMBDA_R_WORKERS=4"}, 0, []string{
			forked, `ok    fork: 1 worker would be forked: ` + worth, `ok    fork: 4 workers would be forked: ` + worth,
		}},
		{"little memory", long, []string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=64"}, 0, []string{
			forked, `ok    fork: 1 worker would be spawned: 3 times the memory of R, .* is \d+ MB of 64 MB`,
		}},
		{"a process for each invocation", "", []string{"LAMBDA_R_MAX_INVOCATIONS=1"}, 0, []string{forked, `ok    fork: 1 worker would be forked: ` + worth}},
		{"a database", connect, nil, 0, []string{
			`warn  ` + cannot + `con, a connection of class SQLiteConnection: ` + reopen,
			`ok    fork: 2 workers would be spawned: the handler's file has made con, a connection of class SQLiteConnection; to fork, ` + reopen,
		}},
		{"a database that is opened again", connect + "on_fork(function() " + connect + ")", nil, 0, []string{forked, `ok    fork: 2 workers would be forked: .*`}},
		{"a socket", `con <- socketConnection("127.0.0.1", ` + port + `)`, nil, 0, []string{
			`warn  ` + cannot + `a TCP connection to 127.0.0.1:` + port + ` \(file descriptor \d+\): ` + reopen,
		}},
		{"threads of OpenMP", `dyn.load("` + openMP + `"); .C("use_threads")`, nil, 0, []string{
			`warn  ` + cannot + `a pool of OpenMP threads, of package fastmath: use no more than one thread while the handler is loaded`,
		}},
		{"a harmless thread", "library(cli)", nil, 0, []string{forked, `ok    fork: 2 workers would be forked: .*`}},
		{"always, with a socket", `con <- socketConnection("127.0.0.1", ` + port + `)`, []string{"LAMBDA_R_FORK=always"}, 0, []string{
			`warn  ` + cannot + `a TCP connection .*`, `ok    fork: 1 worker would be forked: LAMBDA_R_FORK is always`,
		}},
		{"never, with a socket", `con <- socketConnection("127.0.0.1", ` + port + `)`, []string{"LAMBDA_R_FORK=never"}, 0, []string{
			`ok    ` + cannot + `a TCP connection .*`, `ok    fork: 2 workers would be spawned: LAMBDA_R_FORK is never`,
		}},
		{"a hook that fails", `on_fork(function() stop("no database"))`, nil, 1, []string{
			`fail  fork: Runtime.InitError: an on_fork\(\) hook failed: simpleError: functions.R:1: no database`,
		}},
		{"an R that cannot fork", `local({
  parallel <- asNamespace("parallel")
  unlockBinding("C_mc_fork", parallel)
  assign("C_mc_fork", NULL, parallel)
})`, nil, 0, []string{`warn  fork: workers would be spawned: the package parallel of this R has no C_mc_fork with one argument`}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			out, status := examine(t, map[string]string{"functions.R": row.code + handler}, row.env, "functions.f")
			expectLines(t, out, row.lines...)
			if status != row.status {
				t.Errorf("exit status %d, want %d; it printed:\n%s", status, row.status, out)
			}
		})
	}
}

// With --snapstart the handler's R goes through the phases, and is not forked from.
func TestDoctorForkSnapStart(t *testing.T) {
	out, status := examine(t, map[string]string{"functions.R": "Sys.sleep(0.6)\nf <- function() 1\n"}, nil, "--snapstart", "functions.f")
	expectLines(t, out, `ok    fork: 1 worker would be forked: .*`, `ok    restore: .*`)
	if strings.Contains(out, "was forked") || status != 0 {
		t.Errorf("exit status %d:\n%s", status, out)
	}
}

// buildOpenMP builds the shared library of a package whose function use_threads() uses two threads, and
// returns its path.
func buildOpenMP(t *testing.T, pkg string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), pkg, "libs")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(dir, "threads.c")
	writeFile(t, source, `
void use_threads(void) {
	volatile int sum = 0;
	#pragma omp parallel for num_threads(2)
	for (int i = 0; i < 1000; i++) sum += i;
}
`)
	library := filepath.Join(dir, pkg+".so")
	if out, err := exec.Command("gcc", "-fopenmp", "-shared", "-fPIC", "-o", library, source).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	return library
}
