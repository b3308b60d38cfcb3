package worker

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/test/kit/faker"
	"lambda-r-runtime/worker/process"
)

// crashStates are the states in which a worker can die. reach brings the fake into the state.
var crashStates = []struct {
	name     string
	spawning bool
	reach    func(f *fake)
}{
	{"before it reads hello", true, func(*fake) {}},
	{"before ready", true, func(f *fake) { f.Hello() }},
	{"mid ready", true, func(f *fake) { f.Hello(); f.Raw("\x00\x00\x00\x20{") }},
	{"before it reads the invocation", false, func(f *fake) { f.Start(); f.AwaitRequest() }},
	{"mid handler", false, func(f *fake) { f.Start(); f.Next() }},
	{"after a log record", false, func(f *fake) {
		f.Start()
		id, _ := f.Next()
		f.Log(id, "info", "so far so good", "")
	}},
	{"mid result header", false, func(f *fake) { f.Start(); f.Next(); f.Raw("\x00\x00") }},
	{"mid result", false, func(f *fake) { f.Start(); f.Next(); f.Raw("\x00\x00\x00\x20{") }},
	{"before the payload", false, func(f *fake) {
		f.Start()
		id, _ := f.Next()
		f.Send(protocol.Reply{Type: protocol.TypeResult, ID: id})
	}},
	{"mid chunk", false, func(f *fake) {
		f.Start()
		id, _ := f.Next()
		f.Send(protocol.Reply{Type: protocol.TypeChunk, ID: id})
		f.Raw("\x00\x00\x00\x20{")
	}},
	{"before the answer to a chunk", false, func(f *fake) {
		f.Start()
		id, _ := f.Next()
		f.Chunk(id, protocol.StreamHead{}, []byte("so far"))
		f.AwaitRequest()
	}},
	{"mid stream", false, func(f *fake) {
		f.Start()
		id, _ := f.Next()
		f.Chunk(id, protocol.StreamHead{}, []byte("so far"))
		f.Acked()
	}},
	{"mid payload", false, func(f *fake) {
		f.Start()
		id, _ := f.Next()
		whole := resultBytes(id, strings.Repeat("x", 1000))
		f.Raw(whole[:len(whole)-500])
	}},
}

// crashWays are the ways to die.
var crashWays = []struct {
	name   string
	die    func(f *fake)
	code   int
	signal syscall.Signal
	text   string // in the error's message
}{
	{"status 0", func(*fake) { os.Exit(0) }, 0, 0, "exited with status 0, as quit() does"},
	{"status 3", func(*fake) { os.Exit(3) }, 3, 0, "exited with status 3"},
	{"SIGKILL", func(f *fake) { f.Exec("kill -KILL $$") }, 0, syscall.SIGKILL, "was killed by SIGKILL (killed)"},
	{"SIGSEGV", func(f *fake) { f.Exec("kill -SEGV $$") }, 0, syscall.SIGSEGV, "was killed by SIGSEGV (segmentation fault)"},
}

// playCrash plays the role crash:STATE:WAY.
func playCrash(f *fake, name string) {
	stateName, wayName, _ := strings.Cut(name, ":")
	for _, state := range crashStates {
		if state.name == stateName {
			state.reach(f)
		}
	}
	fmt.Fprintln(os.Stderr, "last words")
	for _, way := range crashWays {
		if way.name == wayName {
			way.die(f)
		}
	}
	faker.Check(fmt.Errorf("no crash %q", name))
}

// Invoke reports the death of a worker, whenever and however it dies.
func TestCrash(t *testing.T) {
	for _, state := range crashStates {
		for _, way := range crashWays {
			t.Run(state.name+"/"+way.name, func(t *testing.T) {
				c := newConfig(t, "crash:"+state.name+":"+way.name, newLogbook())
				var err error
				if state.spawning {
					_, err = Spawn(t.Context(), c)
				} else {
					_, err = invoke(spawn(t, c), "1", `{"number":4}`)
				}
				if errors.Is(err, protocol.ErrNotSent) {
					t.Error("the error is ErrNotSent, so that somebody would send it again")
				}
				e := errorAs[*ExitError](t, err)
				if e.Code != way.code || e.Signal != way.signal || e.Killed != "" || e.PID == 0 {
					t.Errorf("got %+v, want code %d, signal %d", e, way.code, way.signal)
				}
				if !slices.Equal(e.StderrTail, []string{"last words"}) {
					t.Errorf("tail is %q", e.StderrTail)
				}
				if want := way.text + "; last on stderr:\nlast words"; !strings.Contains(e.Error(), want) {
					t.Errorf("message is %q, want %q in it", e, want)
				}
			})
		}
	}
}

func init() {
	for _, way := range crashWays {
		roles["result, then "+way.name] = func(f *fake) {
			f.Start()
			id, event := f.Next()
			f.Result(id, event)
			way.die(f)
		}
	}
}

// A complete result counts, even if R dies right after it.
func TestDeathAfterResult(t *testing.T) {
	for _, way := range crashWays {
		for _, event := range []string{"", `{"number":4}`, strings.Repeat("x", 1<<20)} {
			t.Run(fmt.Sprintf("%s/%d bytes", way.name, len(event)), func(t *testing.T) {
				for range 5 {
					w, _ := spawnFake(t, "result, then "+way.name)
					echo(t, w, "1", event)
					waitDone(t, w)
					if e := errorAs[*ExitError](t, w.Err()); e.Code != way.code || e.Signal != way.signal {
						t.Errorf("got %+v, want code %d, signal %d", e, way.code, way.signal)
					}
				}
			})
		}
	}
}

// The reply of a dead R is read, even long after its death: Lambda may have frozen bootstrap. The
// read ends even if a child of R still has the pipe.
func TestReplyReadAfterDeath(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	want := strings.Repeat("x", 60_000)
	if _, err := w.WriteString(want); err != nil {
		t.Fatal(err)
	}
	if err := r.SetReadDeadline(longAgo); err != nil { // as bury does
		t.Fatal(err)
	}
	got, err := io.ReadAll(replyPipe{r})
	if string(got) != want || err != nil {
		t.Errorf("got %d bytes and %v, want %d", len(got), err, len(want))
	}
}

func TestIdleDeath(t *testing.T) {
	w, _ := spawnFake(t, "echo")
	echo(t, w, "1", "{}")
	if err := syscall.Kill(w.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	quickly(t, "Done", func() { <-w.Done() })
	if e := errorAs[*ExitError](t, w.Err()); e.Signal != syscall.SIGKILL || e.PID != w.PID() {
		t.Errorf("got %+v", e)
	}
	for range 2 {
		_, err := invoke(w, "2", "{}")
		if !errors.Is(err, protocol.ErrNotSent) {
			t.Errorf("error is %v, want ErrNotSent", err)
		}
		errorAs[*ExitError](t, err)
	}
}

func TestExitErrorMessage(t *testing.T) {
	e := &ExitError{process.ExitError{PID: 7, Signal: syscall.SIGKILL, Killed: "the deadline passed", StderrTail: []string{"a", "b"}}}
	if got, want := e.Error(), "the R process (pid 7) was killed: the deadline passed; last on stderr:\na\nb"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := e.ErrorType(); got != "Runtime.WorkerCrashed" {
		t.Errorf("type is %q", got)
	}
	e = &ExitError{process.ExitError{PID: 1, Signal: 9, OutOfMemory: true, PeakRSS: 498 << 20, MemoryLimit: 512 << 20}}
	if got, want := e.Error(), "the R process (pid 1) ran out of memory: it used 498 MB of 512 MB"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := e.ErrorType(); got != "Runtime.OutOfMemory" {
		t.Errorf("type is %q", got)
	}
}
