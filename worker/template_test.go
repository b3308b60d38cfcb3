package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/test/kit/faker"
	"lambda-r-runtime/test/kit/proc"
)

// spawnTemplate spawns a template with a real R and functionsR. Fork forks a worker of it, which is
// gone when the test ends.
func spawnTemplate(t *testing.T, code ...string) (fork func() *Worker, tmpl *Template, book *logbook) {
	t.Helper()
	c, book := realConfig(t, append([]string{functionsR}, code...)...)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	w, err := Spawn(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err = NewTemplate(ctx, w, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tmpl.Shutdown)
	return func() *Worker {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		w, err := tmpl.Fork(ctx, c)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			w.Kill("the test is over")
			w.Shutdown(context.Background())
		})
		return w
	}, tmpl, book
}

func TestFork(t *testing.T) {
	fork, tmpl, _ := spawnTemplate(t)
	for i := range 5 {
		w := fork()
		got, err := invoke(w, fmt.Sprint(i), `{"what": "parity", "number": 4}`)
		if err != nil || got != `{"parity":"even"}` {
			t.Errorf("got %q, %v", got, err)
		}
		if w.PID() == tmpl.PID() {
			t.Error("the template serves")
		}
		if got, err := invoke(w, "2", `{"what": "tempdir"}`); err != nil || !strings.HasPrefix(got, `"`+w.TempDir()+"/Rtmp") {
			t.Errorf("tempdir() is %s, %v; want one in %s", got, err, w.TempDir())
		}
	}
}

// Threads that a fork would not have are hazards, except for that of cli.
func TestThreadHazardsOfR(t *testing.T) {
	for name, test := range map[string]struct{ code, want string }{
		"none":       {"", ""},
		"cli":        {"library(cli)", ""},
		"data.table": {"library(data.table); setDTthreads(2); x <- data.table(a = runif(1e6), b = 1:100)[, sum(a), by = b]", "a pool of OpenMP threads, of package data.table"},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := realConfig(t, functionsR, test.code)
			c.Env, _ = SingleThreaded(c.Env)
			w := spawn(t, c)
			hazards, err := w.Hazards(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var got string
			for _, h := range hazards {
				got += h.What
			}
			if got != test.want {
				t.Errorf("got %+v, want %q", hazards, test.want)
			}
		})
	}
}

func init() {
	roles["no template"] = func(f *fake) {
		f.Start()
		f.Receive()
		f.Send(protocol.Reply{Type: protocol.TypeError, Error: &protocol.HandlerError{Message: "no entry point"}})
		id, event := f.Next()
		f.Result(id, event)
	}
	// Each is a template that a fork fails of. It reads the fork frame first.
	for role, answer := range map[string]func(f *fake, fork protocol.Fork){
		"fork: refused": func(f *fake, _ protocol.Fork) {
			f.Send(protocol.Reply{Type: protocol.TypeError, Error: &protocol.HandlerError{Type: "Runtime.ForkFailed", Message: "no entry point"}})
			id, event := f.Next() // and serves
			f.Result(id, event)
		},
		"fork: never answered": func(*fake, protocol.Fork) {},
		"fork: never born":     func(f *fake, _ protocol.Fork) { f.Send(protocol.Reply{Type: protocol.TypeForked}) },
		"fork: died":           func(*fake, protocol.Fork) { os.Exit(7) },
		"fork: garbage":        func(f *fake, _ protocol.Fork) { f.Send(protocol.Reply{Type: protocol.TypeEntered}) },
		"fork: failed on its way": func(f *fake, fork protocol.Fork) {
			f.Send(protocol.Reply{Type: protocol.TypeForked})
			write(fork.Replies, protocol.Reply{Type: protocol.TypeError, Error: &protocol.HandlerError{Message: "no pipes"}})
		},
		"fork: a stranger": func(f *fake, fork protocol.Fork) {
			f.Send(protocol.Reply{Type: protocol.TypeForked})
			write(fork.Replies, protocol.Reply{Type: protocol.TypeBorn, Born: protocol.Born{PID: 1<<22 + 1}})
		},
	} {
		roles[role] = func(f *fake) {
			f.Start()
			f.Receive() // the request to be a template
			f.Send(protocol.Reply{Type: protocol.TypeEntered})
			var fork protocol.Fork
			faker.Check(json.Unmarshal(f.Receive(), &fork))
			answer(f, fork)
			faker.Hang()
		}
	}
}

// write writes a reply to the pipe at path.
func write(path string, reply protocol.Reply) {
	faker.Check(os.WriteFile(path, []byte(faker.Frames(reply, nil)), 0))
}

// A fork that fails is a *ForkError, and leaves nothing. Only a template that has refused lives on.
func TestForkFails(t *testing.T) {
	for role, want := range map[string]string{
		"refused":           "no entry point",
		"never answered":    "context deadline exceeded",
		"never born":        "context deadline exceeded",
		"died":              "exited with status 7",
		"garbage":           "entered frame, want forked or error",
		"failed on its way": "no pipes",
		"a stranger":        "does not exist",
	} {
		t.Run(role, func(t *testing.T) {
			c := newConfig(t, "fork: "+role, newLogbook())
			w := spawn(t, c)
			tmpl, err := NewTemplate(t.Context(), w, false)
			if err != nil {
				t.Fatal(err)
			}
			most := patience
			if strings.HasPrefix(role, "never") {
				most = 50 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), most)
			defer cancel()
			fds := proc.OpenFDs()
			_, err = tmpl.Fork(ctx, c)
			if e := errorAs[*ForkError](t, err); e.PID != w.PID() || !strings.Contains(e.Error(), want) {
				t.Errorf("got %v, want %s", e, want)
			}
			for _, fd := range proc.OpenFDs() { // the template's may be closed
				if strings.Contains(fd, "pipe:") && !slices.Contains(fds, fd) {
					t.Errorf("file descriptor %s is left", fd)
				}
			}
			if dirs, err := os.ReadDir(c.TempDir); err != nil || len(dirs) > 1 {
				t.Errorf("temporary directories: %v, %v", dirs, err)
			}
			if _, refused := errors.AsType[*RefusedError](err); refused {
				echo(t, w, "1", "{}")
				return
			}
			waitDone(t, w)
			if _, err := tmpl.Fork(ctx, c); errorAs[*ForkError](t, err) == nil {
				t.Error("a dead template forks")
			}
		})
	}
}

// Files that the handler's file has made in tempdir() live as long as a worker that may use them.
func TestTempDirOfTemplate(t *testing.T) {
	fork, tmpl, _ := spawnTemplate(t, `made <- tempfile(); writeLines("kept", made); reads <- function() readLines(made)`)
	w := fork()
	tmpl.Shutdown()
	if got, err := invoke(w, "1", `{"what": "reads"}`); err != nil || got != `"kept"` {
		t.Errorf("got %s, %v", got, err)
	}
	dir := tmpl.worker.TempDir()
	w.Shutdown(t.Context())
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the template's directory is left: %v", err)
	}
}

// A forked worker that is killed, or dies, is seen dead once, with its signal or status and its last
// words.
func TestDeathOfForkedWorker(t *testing.T) {
	fork, _, _ := spawnTemplate(t, `
quits <- function() { message("last words"); quit(status = 3) }
crashes <- function() tools::pskill(Sys.getpid(), 11L)`)
	w := fork()
	_, err := invoke(w, "1", `{"what": "quits"}`)
	if e := errorAs[*ExitError](t, err); e.Code != 3 || e.Signal != 0 || e.PID != w.PID() {
		t.Errorf("got %+v", e)
	}
	w = fork()
	_, err = invoke(w, "1", `{"what": "crashes"}`)
	if e := errorAs[*ExitError](t, err); e.Signal != syscall.SIGSEGV || len(e.StderrTail) == 0 || !strings.HasPrefix(e.StderrTail[0], crashPrefix) {
		t.Errorf("got %+v", e)
	}
	w = fork()
	outcomes := invokeBeside(w, "1", `{"what": "spin"}`)
	w.Kill("the deadline passed")
	if e := errorAs[*ExitError](t, outcomeSoon(t, outcomes).err); e.Killed != "the deadline passed" {
		t.Errorf("got %+v", e)
	}
}

// Interrupts, records, output and streams of a forked worker are as those of a spawned one.
func TestForkedWorkerServes(t *testing.T) {
	fork, _, book := spawnTemplate(t)
	w := fork()
	book.output()
	outcomes := invokeBeside(w, "1", `{"what": "spin"}`)
	if r := book.waitFor(t, "spinning"); r.RequestID != "1" {
		t.Errorf("logged as %+v", r)
	}
	w.Interrupt()
	e := errorAs[*protocol.HandlerError](t, outcomeSoon(t, outcomes).err)
	if e.Type != "Runtime.Interrupted" || len(e.Stack) == 0 {
		t.Errorf("got %+v", e)
	}
	var stream strings.Builder
	if _, err := invokeStream(w, "2", `{"what": "rough_stream"}`, func(protocol.StreamHead) io.Writer { return &stream }); err != nil || stream.String() != "abc" {
		t.Errorf("streamed %q, %v", stream.String(), err)
	}
	if got, err := invoke(w, "3", `{"what": "comes_back_twice"}`); err != nil || got != `"parent"` {
		t.Errorf("got %s, %v", got, err)
	}
	w.Shutdown(t.Context())
	if e := errorAs[*ExitError](t, w.Err()); e.Code != 0 || e.Signal != 0 {
		t.Errorf("got %+v", e)
	}
}

// An R that cannot fork refuses to be a template, and can serve.
func TestTemplateIsRefused(t *testing.T) {
	w, _ := spawnFake(t, "no template")
	_, err := NewTemplate(t.Context(), w, false)
	if e := errorAs[*RefusedError](t, err); e.Error() != "no entry point" {
		t.Errorf("got %v", e)
	}
	echo(t, w, "1", "{}")
}
