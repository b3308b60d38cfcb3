package worker

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/rscripts"
)

const functionsR = `
parity <- function(number) {
  list(parity = if (as.integer(number) %% 2L == 0L) "even" else "odd")
}
spin <- function() {
  message("spinning")
  repeat sqrt(2)
}
streams <- function(n) stream_response(function(write) {
  for (i in seq_len(n)) {
    write(as.character(i))
  }
})
rough_stream <- function() stream_response(function(write) {
  write("a")
  closeAllConnections()
  write("b")
  cat("printed\n")
  close(file(tempfile(), "w"))
  write("c")
})
chatters <- function() repeat message("on and on")
tells <- function() {
  for (i in 1:50) {
    cat("cat\n")
    message("a message\nof two lines")
    cat("another cat\nwith an unfinished ")
    warning("a warning")
    cat("line\n")
    system("echo from a child")
    print(data.frame(x = 1:2))
    lambda_log("error", "logged")
    system("echo of a child, on stderr >&2")
    message("last")
  }
  cat("the end")
}
limits <- function() {
  setTimeLimit(elapsed = 0.2)
  setSessionTimeLimit(elapsed = 0.2)
}
limits_once <- function() setTimeLimit(elapsed = 0.2, transient = TRUE)
reaches_limit <- function() {
  setTimeLimit(elapsed = 0.05)
  repeat sqrt(2)
}
reads_console <- function() {
  browser()
  list(lines = readLines(stdin()), line = readline(), file = readLines("/proc/self/fd/5"))
}
comes_back_twice <- function() {
  child <- parallel:::mcfork()
  if (inherits(child, "masterProcess")) {
    return("child")
  }
  parallel::mccollect(child)
  "parent"
}
changes_script <- function() {
  for (path in c("/proc/self/fd/5", "/proc/self/fd/6")) {
    try(writeLines("quit()", path))
    try(cat("quit()", file = path, append = TRUE))
    try({
      con <- file(path, "r+b")
      writeBin(charToRaw("quit()"), con)
      close(con)
    })
    system(paste("truncate -s 0", path))
    system(paste("echo 'quit()' >", path))
    system(paste("echo 'quit()' >&", basename(path)))
  }
  "tried"
}
changes_runtime <- function() {
  runtime <- environment(html_response)
  c(
    tryCatch(assign("read_frame", NULL, runtime), error = conditionMessage),
    tryCatch(assign("mine", NULL, runtime), error = conditionMessage)
  )
}
run <- function(what, ...) get(what)(...)
`

// spawnR spawns a real R with functionsR.
func spawnR(t *testing.T) (*Worker, *logbook) {
	t.Helper()
	c, book := realConfig(t, functionsR)
	return spawn(t, c), book
}

// realConfig returns the Config of a real R that runs the functions of code, and logs to book.
func realConfig(t *testing.T, code ...string) (c Config, book *logbook) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs R")
	}
	bin, err := FindR(os.Getenv)
	if err != nil {
		t.Fatalf("%v (run make test, which installs it)", err)
	}
	script, err := NewScript(rscripts.Loader(), rscripts.Files())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { script.Close() })
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "functions.R"), []byte(strings.Join(code, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	book = newLogbook()
	return Config{
		Bin:     bin,
		Script:  script,
		Handler: "functions.run",
		Dir:     dir,
		Env:     Environment(os.Environ(), 1),
		TempDir: t.TempDir(),
		Log:     book.logger(0),

		MaxResult: maxResult,
	}, book
}

// R's output, its children's output and its log records are logged in the order in which they
// were written.
func TestOrderOfR(t *testing.T) {
	w, book := spawnR(t)
	book.forget()
	if _, err := invoke(w, "1", `{"what": "tells"}`); err != nil {
		t.Fatal(err)
	}
	round := []string{
		"cat", "a message\nof two lines", "another cat", "a warning", "with an unfinished line", "from a child",
		"  x", "1 1", "2 2", "logged", "of a child, on stderr", "last",
	}
	got := slices.DeleteFunc(book.messages(), func(m string) bool { return strings.HasPrefix(m, "frame ") })
	for i := range 50 {
		if i == 5 { // from now on, the warning is only counted
			round = slices.DeleteFunc(round, func(m string) bool { return m == "a warning" })
		}
		if len(got) < len(round) || !slices.Equal(got[:len(round)], round) {
			t.Fatalf("round %d: got %q, want %q", i, got[:min(len(got), len(round))], round)
		}
		got = got[len(round):]
	}
	checkLines(t, got, []string{"a warning (50 times in all, 5 logged)", "the end"}) // a line without an end ends last
}

// R is interrupted in user code, even if that does little but log.
func TestInterruptOfLogging(t *testing.T) {
	w, book := spawnR(t)
	outcomes := invokeBeside(w, "1", `{"what": "chatters"}`)
	book.waitFor(t, "on and on")
	w.Interrupt()
	e := errorAs[*protocol.HandlerError](t, outcomeSoon(t, outcomes).err)
	if e.Type != "Runtime.Interrupted" || len(e.Stack) == 0 || !strings.HasPrefix(e.Stack[0].Call, "run(") {
		t.Errorf("got %+v", e)
	}
	if got, err := invoke(w, "2", `{"what": "parity", "number": 4}`); err != nil || got != `{"parity":"even"}` {
		t.Errorf("afterwards: got %q, %v", got, err)
	}
}

// A time limit ends with the invocation that sets it, although R never returns to its top level.
func TestTimeLimit(t *testing.T) {
	w, _ := spawnR(t)
	for _, what := range []string{"limits", "limits_once"} {
		if _, err := invoke(w, "1", `{"what": "`+what+`"}`); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		for start := time.Now(); time.Since(start) < 400*time.Millisecond; {
			if got, err := invoke(w, "2", `{"what": "parity", "number": 4}`); err != nil || got != `{"parity":"even"}` {
				t.Fatalf("after %s: got %q, %v", what, got, err)
			}
		}
	}
	_, err := invoke(w, "3", `{"what": "reaches_limit"}`)
	if e := errorAs[*protocol.HandlerError](t, err); e.Type != "simpleError" || e.Message != "reached elapsed time limit" {
		t.Errorf("got %+v", e)
	}
	if got, err := invoke(w, "4", `{"what": "parity", "number": 4}`); err != nil || got != `{"parity":"even"}` {
		t.Errorf("afterwards: got %q, %v", got, err)
	}
}

// User code that reads R's console reads nothing of the runtime's source.
func TestConsole(t *testing.T) {
	w, _ := spawnR(t)
	for range 2 {
		got, err := invoke(w, "1", `{"what": "reads_console"}`)
		if err != nil || !strings.HasPrefix(got, `{"lines":[],"line":"","file":"base::local(`) || strings.Contains(got, `\n`) {
			t.Errorf("got %q, %v", got, err)
		}
	}
}

// A forked child that returns from the handler, too, does not answer.
func TestForkThatReturns(t *testing.T) {
	w, _ := spawnR(t)
	for range 2 {
		if got, err := invoke(w, "1", `{"what": "comes_back_twice"}`); err != nil || got != `"parent"` {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	if got, err := invoke(w, "2", `{"what": "parity", "number": 4}`); err != nil || got != `{"parity":"even"}` {
		t.Errorf("afterwards: got %q, %v", got, err)
	}
}

// User code cannot change the environment of the runtime that it can reach.
func TestRuntimeIsLocked(t *testing.T) {
	w, _ := spawnR(t)
	want := `["cannot change value of locked binding for 'read_frame'","cannot add bindings to a locked environment"]`
	if got, err := invoke(w, "1", `{"what": "changes_runtime"}`); err != nil || got != want {
		t.Errorf("got %q, %v", got, err)
	}
}

// No R can change the files that the next R runs.
func TestScriptIsSealed(t *testing.T) {
	w, _ := spawnR(t)
	before := [2][]byte{readMemory(t, w, 5), readMemory(t, w, 6)}
	got, err := invoke(w, "1", `{"what":"changes_script"}`)
	if err != nil || got != `"tried"` {
		t.Errorf("got %s, %v", got, err)
	}
	if after := [2][]byte{readMemory(t, w, 5), readMemory(t, w, 6)}; !reflect.DeepEqual(before, after) {
		t.Error("the script has changed")
	}
}

// readMemory reads one of the worker's memory files.
func readMemory(t *testing.T, w *Worker, fd int) []byte {
	t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/fd/%d", w.PID(), fd))
	if err != nil || len(content) == 0 {
		t.Fatalf("file descriptor %d: %d bytes, %v", fd, len(content), err)
	}
	return content
}

func TestRealR(t *testing.T) {
	w, book := spawnR(t)
	if ready := w.Info(); ready.RVersion == "" || !slices.Equal(ready.Required, []string{"what"}) {
		t.Errorf("ready: %+v", ready)
	}
	checkParity := func() {
		t.Helper()
		got, err := invoke(w, "1", `{"what": "parity", "number": 4}`)
		if err != nil || got != `{"parity":"even"}` {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	checkParity()

	outcomes := invokeBeside(w, "2", `{"what": "spin"}`)
	if r := book.waitFor(t, "spinning"); r.RequestID != "2" {
		t.Errorf("logged as %+v", r)
	}
	w.Interrupt()
	e := errorAs[*protocol.HandlerError](t, outcomeSoon(t, outcomes).err)
	if e.Type != "Runtime.Interrupted" {
		t.Errorf("got %+v", e)
	}
	if !slices.ContainsFunc(e.Stack, func(f protocol.StackFrame) bool { return strings.HasPrefix(f.File, "functions.R") }) {
		t.Errorf("the stack does not say where it was: %v", e.Stack)
	}
	book.output()
	checkParity()

	outcomes = invokeBeside(w, "3", `{"what": "spin"}`)
	book.waitFor(t, "spinning")
	if err := syscall.Kill(w.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if e := errorAs[*ExitError](t, outcomeSoon(t, outcomes).err); e.Signal != syscall.SIGKILL {
		t.Errorf("got %+v", e)
	}
}
