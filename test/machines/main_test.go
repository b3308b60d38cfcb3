//go:build machines

package machines

import (
	"context"
	"flag"
	"fmt"
	"image/png"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"lambda-r-runtime/test/kit/lambda"
)

// patience guards against a hang. It is never a pause.
const patience = 60 * time.Second

// bootstrap is the path of the program under test.
var bootstrap string

func TestMain(m *testing.M) {
	if refused := os.Getenv(refuseVariable); refused != "" {
		refuseAndExec(refused, os.Args[1:])
	}
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	flag.Parse()
	if out, err := unshared("true").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "these tests need a mount namespace: run them as root: %v\n%s", err, out)
		return 1
	}
	dir, err := os.MkdirTemp("", "machines-")
	if err == nil {
		defer os.RemoveAll(dir)
		os.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache")) // not the user's own
		bootstrap, err = lambda.Build(dir, "cmd/bootstrap")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// unshared returns a command that runs in a mount namespace of its own, in which it is root.
func unshared(args ...string) *exec.Cmd {
	unshare := []string{"--mount", "--propagation", "private"}
	if os.Getuid() != 0 {
		unshare = append(unshare, "--map-root-user")
	}
	return exec.Command("unshare", append(append(unshare, "--"), args...)...)
}

// A machine is this machine, changed.
type machine struct {
	setup  string   // shell commands that run as root in a mount namespace; see shell
	refuse string   // a system call that fails, see refuseAndExec
	env    []string // with this PATH, if it has one
}

// shell has functions for setup.
const shell = `set -eu
# move_r HOME SCRIPT moves Debian's R: its home to HOME, its start script to SCRIPT.
move_r() {
	mkdir -p "$1" "$(dirname "$2")"
	sed "s,^R_HOME_DIR=.*,R_HOME_DIR=$1," /usr/lib/R/bin/R >"$scratch/R"
	chmod 755 "$scratch/R"
	mount --bind /usr/lib/R "$1"
	mount --bind "$scratch/R" "$1/bin/R"
	test -e "$2" || cp "$scratch/R" "$2"
	mount -t tmpfs none /usr/lib/R
	mount --bind /dev/null /usr/bin/R
	mount --bind /dev/null /usr/bin/Rscript
}
# move_package NAME LIBRARY moves an installed package to another library.
move_package() {
	mkdir -p "$2/$1" "$scratch/empty-$1"
	mount --bind "$(find_package "$1")" "$2/$1"
	mount --bind "$scratch/empty-$1" "$(find_package "$1")"
}
find_package() {
	for library in /usr/lib/R/site-library /usr/lib/R/library; do
		if test -e "$library/$1"; then echo "$library/$1"; return; fi
	done
}
`

// command returns the command that runs bootstrap on the machine, for the functions in dir.
func (m machine) command(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := append([]string{bootstrap}, args...)
	if m.refuse != "" {
		program = append([]string{"env", refuseVariable + "=" + m.refuse, self}, program...)
	}
	script := shell + "scratch=" + t.TempDir() + "\n" + m.setup + "\nexec \"$@\"\n"
	cmd := unshared(append([]string{"/bin/sh", "-c", script, "sh"}, program...)...)
	cmd.Env = append(os.Environ(), "LAMBDA_TASK_ROOT="+dir)
	cmd.Env = append(cmd.Env, m.env...)
	return cmd
}

// start starts bootstrap on the machine and checks, when the test ends, that no process is left.
func (m machine) start(t *testing.T, dir string, args ...string) *lambda.Program {
	t.Helper()
	p, err := lambda.Start(m.command(t, dir, args...))
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

// waitFor waits until bootstrap has printed what matches pattern, and returns the match.
func waitFor(t *testing.T, p *lambda.Program, pattern string) []string {
	t.Helper()
	match := p.Output.WaitFor(patience, regexp.MustCompile(pattern))
	if match == nil {
		t.Fatalf("bootstrap did not print %q, but:\n%s", pattern, p.Output.String())
	}
	return match
}

// doctor runs the doctor on the machine and returns what it printed and its exit status.
func (m machine) doctor(t *testing.T, dir, handler string) (string, int) {
	t.Helper()
	p := m.start(t, dir, "doctor", handler)
	if !p.WaitEnd(patience) {
		t.Fatalf("the doctor did not end; it printed:\n%s", p.Output.String())
	}
	return p.Output.String(), p.Cmd.ProcessState.ExitCode()
}

// expectLines checks that each pattern matches a whole line of the output.
func expectLines(t *testing.T, output string, patterns ...string) {
	t.Helper()
	for _, pattern := range patterns {
		if !regexp.MustCompile(`(?m)^` + pattern + `$`).MatchString(output) {
			t.Errorf("there is no line %q in:\n%s", pattern, output)
		}
	}
}

// serve serves a function on the machine and returns its URL, as that of a function URL.
func (m machine) serve(t *testing.T, dir, handler string, flags ...string) (*lambda.Program, string) {
	t.Helper()
	p := m.start(t, dir, append([]string{"local", "--http", "--addr", "127.0.0.1:0", handler}, flags...)...)
	return p, waitFor(t, p, `is served on (http://127\.0\.0\.1:\d+)`)[1]
}

// get makes a request.
func get(t *testing.T, url string) lambda.Answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	answer, err := lambda.Request(ctx, http.MethodGet, url, "")
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// checkPlot checks that the URL answers with a PNG.
func checkPlot(t *testing.T, url string) {
	t.Helper()
	a := get(t, url)
	if picture, err := png.Decode(strings.NewReader(a.Body)); err != nil || picture.Bounds().Empty() {
		t.Errorf("no plot: status %d, %v: %.500s", a.Status, err, a.Body)
	}
}

// functions writes the handlers of these tests into a new folder.
func functions(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	const code = `
draw <- function() png_response(plot(1:10))
vector <- function() svg_response(plot(1:10))
pages <- function() pdf_response(plot(1:10))
libraries <- function() list(libraries = .libPaths(), jsonlite = find.package("jsonlite"))
grow <- function() length(rep(1, 1e7))
die <- function() tools::pskill(Sys.getpid(), 9)
solve_it <- function() list(blas = extSoftVersion()[["BLAS"]], x = solve(matrix(c(2, 0, 0, 2), 2))[1, 1])
`
	if err := os.WriteFile(filepath.Join(dir, "functions.R"), []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}
