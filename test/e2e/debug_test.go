package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// debugged is a function to be debugged, by line.
var debugged = []string{
	"parity <- function(n) {",
	"  rest <- n %% 2",
	"  named <- name_of(rest)",
	"  list(parity = named)",
	"}",
	"name_of <- function(rest) {",
	"  if (rest == 0) \"even\" else \"odd\"",
	"}",
	"stops_here <- function(n) {",
	"  browser()",
	"  n * 10",
	"}",
	"spins <- function() {",
	"  cat(\"spinning\\n\")",
	"  repeat 1",
	"}",
}

func TestDebugBrowser(t *testing.T) {
	term := startTerminal(t, writeFunction(t, debugged...), nil, "debug", "functions.stops_here")
	term.expect(`functions\.stops_here is loaded in R \d.*\r\n  invoke\(list\(n = 1\)\)`)
	term.typed("> ", "invoke(list(n = 3))")
	term.browses("n")
	term.expect(`debug at .*functions\.R#11: n \* 10`)
	term.browses("print(n)")
	term.expect(`\[1\] 3`)
	term.browses("n <- 5")
	term.browses("c")
	term.expect(`\r\n50 \r\n`)
	term.typed("> ", "q()")
	term.end()
}

func TestDebugOnce(t *testing.T) {
	term := startTerminal(t, writeFunction(t, debugged...), nil, "debug", "functions.parity")
	term.typed("> ", "debugonce(parity)")
	term.typed("> ", "invoke('{\"n\": 4}')")
	term.expect(`debugging in: parity\(n = n\)\r\ndebug at .*functions\.R#1`)
	term.browses("n")
	term.expect(`debug at .*functions\.R#2: rest <- n%%2`)
	term.browses("n")
	term.browses("rest")
	term.expect(`\[1\] 0`)
	term.browses("c")
	term.expect(`{"parity":"even"}`)
	term.typed("> ", "invoke()") // the same event, now without the debugger
	term.expect(`\r\n{"parity":"even"}`)
	term.typed("> ", "q()")
	term.end()
}

// A breakpoint may be in the handler itself, or in a function that it calls.
func TestDebugBreakpoints(t *testing.T) {
	for line, function := range map[string]string{"3": "parity", "7": "name_of"} {
		term := startTerminal(t, writeFunction(t, debugged...), nil, "debug", "functions.parity")
		term.typed("> ", "setBreakpoint('functions.R#"+line+"')")
		term.expect(`functions\.R#` + line + `:\r\n ` + function + ` step +\d`)
		term.typed("> ", "invoke(list(n = 3))")
		term.expect(`functions\.R#` + line)
		term.browses("rest")
		term.expect(`\[1\] 1`)
		term.browses("c")
		term.expect(`{"parity":"odd"}`)
		term.typed("> ", "q()")
		term.end()
	}
}

func TestDebugRecover(t *testing.T) {
	term := startTerminal(t, writeFunction(t, debugged...), nil, "debug", "functions.parity")
	term.typed("> ", "options(error = recover)")
	term.typed("> ", "invoke(list(n = NULL))")
	term.expect(`Error in if \(rest == 0\)`)
	frame := term.expect(`(\d+): functions\.R#3: name_of\(rest\)`)[1]
	term.typed("Selection: ", frame)
	term.browses("rest")
	term.expect(`numeric\(0\)`)
	term.browses("c")
	term.typed("Selection: ", "0")
	term.typed("> ", "traceback()") // as at R's own top level
	term.expect(`name_of\(rest\) at functions\.R#3`)
	term.typed("> ", "q()")
	term.end()
}

// Ctrl-C ends the invocation, not the session.
func TestDebugInterrupt(t *testing.T) {
	term := startTerminal(t, writeFunction(t, debugged...), nil, "debug", "functions.spins")
	term.typed("> ", "invoke(list())")
	term.expect("spinning\r\n")
	term.send("\x03")
	term.typed("> ", "1 + 1")
	term.expect(`\[1\] 2`)
	term.typed("> ", "remaining_ms()") // no invocation runs any more
	term.expect(`\[1\] Inf`)
	term.typed("> ", "q()")
	term.end()
}

// The file may be corrected while R runs.
func TestDebugReload(t *testing.T) {
	dir := writeFunction(t, "kept <- 41", "parity <- function(n) kept + n", "nope()", "later <- 1")
	term := startTerminal(t, dir, nil, "debug", "functions.parity")
	term.expect(`Error: Runtime\.InitError: functions\.R:3: could not find function "nope"`)
	term.expect(`The handler is not loaded\..*reload\(\)\.\r\n`)
	term.typed("> ", "kept")
	term.expect(`\[1\] 41`)
	term.typed("> ", "invoke(list(n = 1))")
	term.expect(`Error: the handler is not loaded`)
	writeFile(t, filepath.Join(dir, "functions.R"), "kept <- 1\nparity <- function(n) kept + n\n")
	term.typed("> ", "reload()")
	term.typed("> ", "invoke(list(n = 1))")
	term.expect(`\r\n2 \r\n`)
	term.typed("> ", "q()")
	term.end()
}

// scripted runs bootstrap debug with these commands as its input. It returns what that prints, and
// its exit status.
func scripted(t *testing.T, dir, input string, env []string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.Command(bootstrap, append([]string{"debug"}, args...)...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(input)
	cmd.Env = append(append(os.Environ(), "XDG_CACHE_HOME="+t.TempDir()), env...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// Without a terminal R reads commands, prints results only, and fails with the first error.
func TestDebugWithoutTerminal(t *testing.T) {
	dir := writeFunction(t, debugged...)
	writeFile(t, filepath.Join(dir, "event.json"), `{"n": 2}`)
	for _, row := range []struct {
		input string
		args  []string
		code  int
		want  string // a pattern for the whole output
	}{
		{"invoke(list(n = 3))", []string{"functions.parity"}, 0, `^{"parity":"odd"} \n$`},
		{"invoke()", []string{"--event", filepath.Join(dir, "event.json"), "functions.parity"}, 0, `^{"parity":"even"} \n$`},
		{"invoke()\ncat('not reached')", []string{"functions.parity"}, 1, `^Error: there is no event yet: give one.*\nExecution halted\n$`},
		{"invoke(list(n = 'a'))", []string{"functions.parity"}, 1, `^Error in n%%2 : non-numeric argument`},
		{"invoke(list())", []string{"functions.nope"}, 1, `^Error: Runtime\.NoSuchHandler: .*defines no function nope.*\n.*\nError: the handler is not loaded`},
		{"invoke()", []string{"--event", "/nowhere.json", "functions.parity"}, 1, `^bootstrap: --event: open /nowhere\.json: no such file or directory\n$`},
		{"", nil, 1, `^bootstrap: .*no handler given`},
		{"", []string{"--nope"}, 1, `^bootstrap: unknown flag: --nope`},
	} {
		out, code := scripted(t, dir, row.input, nil, row.args...)
		if code != row.code || !regexp.MustCompile(row.want).MatchString(out) {
			t.Errorf("%q %q: status %d, want %d; it printed\n%s", row.args, row.input, code, row.code, out)
		}
	}
}

// R has what a worker has: the environment, the working folder, the profile and the options; and what
// it starts has the user's own profile.
func TestDebugIsLikeAWorker(t *testing.T) {
	dir := writeFunction(t,
		"set.seed(1)",
		"facts <- function() list(",
		"  wd = getwd(), name = Sys.getenv('AWS_LAMBDA_FUNCTION_NAME'), handler = Sys.getenv('_HANDLER'),",
		"  memory = Sys.getenv('AWS_LAMBDA_FUNCTION_MEMORY_SIZE'), threads = nzchar(Sys.getenv('OMP_NUM_THREADS')),",
		"  api = 'lambda' %in% search(), source = getOption('keep.source'), seed = exists('.Random.seed', globalenv()),",
		"  profile = exists('from_profile'), first = exists('from_first'), variable = Sys.getenv('R_PROFILE_USER', NA),",
		"  device = is.function(getOption('device')), zone = Sys.timezone())",
	)
	writeFile(t, filepath.Join(dir, ".Rprofile"), "from_profile <- 1\n.First <- function() from_first <<- 1\n")
	env := []string{"LAMBDA_TASK_ROOT=" + dir, "LAMBDA_R_FORK=never"} // a forked worker has a seed
	_, f := startLocal(t, "functions.facts", env)
	want := f.result(`{}`)
	out, code := scripted(t, t.TempDir(), "invoke(list())", env, "functions.facts")
	if got := strings.TrimSpace(out); code != 0 || got != want {
		t.Errorf("status %d, a worker has\n%s, the session\n%s", code, want, got)
	}
	if !strings.Contains(want, `"profile":true,"first":true`) {
		t.Errorf("the worker has %s", want)
	}
}

// replay() runs what bootstrap local has served, and the dump of a failed invocation has its frames.
func TestReplayAndDump(t *testing.T) {
	dir := writeFunction(t, "half <- function(n) {", "  doubled <- n * 2", "  if (n < 0) stop(\"no \", n)", "  n / 2", "}")
	env := []string{"LAMBDA_TASK_ROOT=" + dir, "XDG_CACHE_HOME=" + t.TempDir()}
	p, f := startLocal(t, "functions.half", env, "--dump")
	f.result(`{"n": 3}`)
	f.failure(`{"n": -21}`)
	open := p.waitFor(`INF frames dumped, to see them call in R: (load\("(.*)"\)); debugger\(last\.dump\)`)

	out, code := scripted(t, dir, "nrow(recorded_events())\nreplay(2)\nreplay()", env, "functions.half")
	if code != 1 || !strings.HasPrefix(out, "[1] 2\n1.5 \nError in half(n = n) : no -21\n") {
		t.Errorf("status %d, it printed\n%s", code, out)
	}
	term := startTerminal(t, dir, env, "debug", "functions.half")
	term.typed("> ", open[1])
	term.typed("> ", "debugger(last.dump)")
	term.expect(`Message:  Error in half\(n = n\) : no -21`)
	term.expect(`1: half\(n = n\)\r\n2: functions\.R#3: stop\("no ", n\)\r\n`)
	term.typed("Selection: ", "1")
	term.browses("doubled")
	term.expect(`\[1\] -42`)
	term.browses("Q")
	term.typed("> ", "q()")
	term.end()

	for _, path := range []string{open[2], filepath.Join(filepath.Dir(filepath.Dir(open[2])), "events.jsonl")} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
	p.Signal(syscall.SIGINT)
	p.exitCode()

	// Nothing is recorded if the user does not want that.
	env[1] = "XDG_CACHE_HOME=" + t.TempDir()
	_, f = startLocal(t, "functions.half", env, "--record=false")
	f.result(`{"n": 3}`)
	if out, _ := scripted(t, dir, "replay()", env, "functions.half"); !strings.Contains(out, "no events are recorded") {
		t.Errorf("it printed %s", out)
	}
}
