package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/test/kit/faker"
)

// phaseDial is the environment variable with the address to which the role "fragile" connects.
const phaseDial = "WORKER_TEST_DIAL"

func init() {
	// Answers each phase with its frame as a draw.
	roles["phases"] = func(f *fake) {
		f.Start()
		for {
			p := f.NextPhase()
			text, err := json.Marshal(p)
			faker.Check(err)
			fmt.Println("printed in", p.Type)
			fmt.Fprint(os.Stderr, "unfinished in ", p.Type)
			f.LogRecord(protocol.Record{
				Level: "warn", Message: "logged in " + p.Type, Fields: map[string]json.RawMessage{"phase": []byte(`"mine"`)},
			})
			f.Send(protocol.Reply{Type: protocol.TypeEntered, Entered: protocol.Entered{Draws: map[string]string{"frame": string(text)}}})
			if p.Type == protocol.TypeRestore {
				break
			}
		}
		id, event := f.Next()
		fmt.Println("printed in an invocation")
		f.Result(id, event)
		f.Next()
	}
	// Fails in the first phase and lives on.
	roles["phase: fails"] = func(f *fake) {
		f.Start()
		f.NextPhase()
		f.Send(protocol.Reply{Type: protocol.TypeError, Error: &protocol.HandlerError{Type: "simpleError", Message: "no"}})
		f.NextPhase()
		f.Send(protocol.Reply{Type: protocol.TypeEntered})
		f.Next()
	}
	roles["phase: quits"] = func(f *fake) {
		f.Start()
		f.NextPhase()
		fmt.Fprintln(os.Stderr, "goodbye")
		os.Exit(3)
	}
	roles["phase: hangs"] = func(f *fake) {
		faker.Interrupts()
		f.Start()
		f.NextPhase()
		fmt.Println("hanging")
		faker.Hang()
	}
	roles["phase: interruptible"] = func(f *fake) {
		interrupts := faker.Interrupts()
		f.Start()
		f.NextPhase()
		fmt.Println("spinning")
		<-interrupts
		f.Send(protocol.Reply{Type: protocol.TypeError, Error: &protocol.HandlerError{
			Type: "Runtime.Interrupted", Stack: []protocol.StackFrame{{Call: "connect()", File: "app.R", Line: 7}},
		}})
		f.Next()
	}
	roles["phase: answers an invocation"] = func(f *fake) {
		f.Start()
		f.NextPhase()
		f.Result("1", nil)
		faker.Hang()
	}
	roles["phase: fails an invocation"] = func(f *fake) {
		f.Start()
		f.NextPhase()
		f.Send(protocol.Reply{Type: protocol.TypeError, ID: "1", Error: &protocol.HandlerError{Type: "simpleError"}})
		faker.Hang()
	}
	roles["phase: becomes ready again"] = func(f *fake) {
		f.Start()
		f.NextPhase()
		f.Ready()
		faker.Hang()
	}
	roles["invocation: fails like a phase"] = func(f *fake) {
		f.Start()
		f.Next()
		f.Send(protocol.Reply{Type: protocol.TypeError, Error: &protocol.HandlerError{Type: "simpleError"}})
		faker.Hang()
	}
	roles["fragile"] = playFragile
}

// playFragile has files and connections of all kinds open in the snapshot phase.
func playFragile(f *fake) {
	f.Start()
	conn, err := net.Dial("tcp", os.Getenv(phaseDial))
	faker.Check(err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	faker.Check(err)
	written, err := os.OpenFile("written", os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	faker.Check(err)
	both, err := os.OpenFile("both", os.O_CREATE|os.O_RDWR, 0o600)
	faker.Check(err)
	removed, err := os.Create("removed")
	faker.Check(err)
	faker.Check(os.Remove("removed"))
	read, err := os.Open("/etc/passwd")
	faker.Check(err)
	null, err := os.OpenFile("/dev/null", os.O_WRONLY, 0)
	faker.Check(err)
	for {
		f.NextPhase()
		f.Send(protocol.Reply{Type: protocol.TypeEntered, Entered: protocol.Entered{Findings: []protocol.Finding{{Kind: "seed"}}}})
		fmt.Fprint(written, conn, listener, both, removed, read, null) // keeps them open
	}
}

// enterWithin makes w enter a phase, within a time.
func enterWithin(t *testing.T, w *Worker, most time.Duration, phase string) (protocol.Entered, error) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), most, errTooSlow)
	defer cancel()
	return w.Enter(ctx, protocol.Phase{Type: phase})
}

// R gets each phase whole. What it prints and logs meanwhile is attributed to the phase, and later
// output to an invocation again.
func TestEnter(t *testing.T) {
	w, book := spawnFake(t, "phases")
	for phase, name := range map[string]string{protocol.TypePrime: "priming", protocol.TypeSnapshot: "snapshot"} {
		checkPhase(t, w, book, protocol.Phase{Type: phase}, name)
	}
	checkPhase(t, w, book, protocol.Phase{
		Type: protocol.TypeRestore, Probe: true, Env: map[string]string{"AWS_SECRET_ACCESS_KEY": "secret"},
	}, "restore")
	echo(t, w, "1", "{}")
	if r := book.waitFor(t, "printed in an invocation"); r.Phase != "" || r.RequestID != "1" {
		t.Errorf("got %+v", r)
	}
	for _, m := range book.messages() {
		if strings.Contains(m, "secret") {
			t.Errorf("logged %q", m)
		}
	}
}

func checkPhase(t *testing.T, w *Worker, book *logbook, p protocol.Phase, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	entered, err := w.Enter(ctx, p)
	if err != nil {
		t.Fatal(err)
	}
	deadline, _ := ctx.Deadline()
	p.DeadlineMs = deadline.UnixMilli()
	want, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if got := entered.Draws["frame"]; got != string(want) {
		t.Errorf("R got %s, want %s", got, want)
	}
	for _, message := range []string{"printed in ", "logged in ", "unfinished in "} {
		r := book.waitFor(t, message+p.Type)
		if r.Phase != name || r.RequestID != "" {
			t.Errorf("got %+v, want phase %q", r, name)
		}
		if message == "logged in " && r.FieldPhase != "mine" {
			t.Errorf("the user's field is %q", r.FieldPhase)
		}
	}
}

// A hook that fails leaves R alive.
func TestEnterFails(t *testing.T) {
	w, _ := spawnFake(t, "phase: fails")
	_, err := enterWithin(t, w, patience, protocol.TypeSnapshot)
	if e := errorAs[*protocol.HandlerError](t, err); e.Message != "no" {
		t.Errorf("got %v", e)
	}
	if _, err := enterWithin(t, w, patience, protocol.TypeRestore); err != nil {
		t.Errorf("the next phase: %v", err)
	}
}

func TestEnterEndsR(t *testing.T) {
	w, _ := spawnFake(t, "phase: quits")
	_, err := enterWithin(t, w, patience, protocol.TypePrime)
	if e := errorAs[*ExitError](t, err); e.Code != 3 || !strings.Contains(e.Error(), "goodbye") || errors.Is(err, protocol.ErrNotSent) {
		t.Errorf("got %v", err)
	}
	_, err = enterWithin(t, w, patience, protocol.TypeRestore)
	if !errors.Is(err, protocol.ErrNotSent) {
		t.Errorf("the next phase: %v, want %v", err, protocol.ErrNotSent)
	}
	errorAs[*ExitError](t, err)
}

// A phase that takes too long is interrupted, so that R reports where it was, and then killed.
func TestEnterTakesTooLong(t *testing.T) {
	for role, want := range map[string]string{
		"phase: interruptible": "not ready in time; it was in connect() (app.R:7)",
		"phase: hangs":         "not ready in time",
	} {
		w, _ := spawnFake(t, role)
		quickly(t, "Enter", func() {
			_, err := enterWithin(t, w, 100*time.Millisecond, protocol.TypeRestore)
			if !errors.Is(err, errTooSlow) || err.Error() != want {
				t.Errorf("%s: got %v, want %s", role, err, want)
			}
		})
		waitDone(t, w)
	}
}

// A cancelled phase ends at once.
func TestEnterCancelled(t *testing.T) {
	w, book := spawnFake(t, "phase: hangs")
	ctx, cancel := context.WithCancelCause(t.Context())
	book.onRecord(func(r record) {
		if r.Msg == "hanging" {
			cancel(errTooSlow)
		}
	})
	quickly(t, "Enter", func() {
		if _, err := w.Enter(ctx, protocol.Phase{Type: protocol.TypePrime}); !errors.Is(err, errTooSlow) {
			t.Errorf("got %v", err)
		}
	})
	waitDone(t, w)
}

func TestEnterViolations(t *testing.T) {
	for _, role := range []string{"phase: answers an invocation", "phase: fails an invocation", "phase: becomes ready again"} {
		w, _ := spawnFake(t, role)
		_, err := enterWithin(t, w, patience, protocol.TypeSnapshot)
		errorAs[*protocol.ProtocolError](t, err)
		waitDone(t, w)
	}
	w, _ := spawnFake(t, "invocation: fails like a phase")
	_, err := invoke(w, "1", "{}")
	errorAs[*protocol.ProtocolError](t, err)
	waitDone(t, w)
}

// Sockets and files that R writes are findings of the snapshot phase, and nothing else that it has
// open.
func TestEnterFindsOpenFiles(t *testing.T) {
	for _, network := range []string{"127.0.0.1:0", "[::1]:0"} {
		listener, err := net.Listen("tcp", network)
		if err != nil {
			t.Logf("not tested: %v", err) // without IPv6
			continue
		}
		defer listener.Close()
		go func() { // ends when the listener is closed
			for {
				if _, err := listener.Accept(); err != nil {
					return
				}
			}
		}()
		c := newConfig(t, "fragile", newLogbook())
		c.Env = append(c.Env, phaseDial+"="+listener.Addr().String())
		w := spawn(t, c)
		for phase, want := range map[string][]string{
			protocol.TypeSnapshot: {
				"seed ", "socket a TCP connection to " + listener.Addr().String(), "listener a TCP socket that listens at 127.0.0.1:",
				"file " + filepath.Join(c.Dir, "written") + ", open for writing", "file " + filepath.Join(c.Dir, "both") + ", open for writing",
			},
			protocol.TypeRestore: {"seed "},
		} {
			entered, err := enterWithin(t, w, patience, phase)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range entered.Findings {
				what := regexp.MustCompile(`( listens at .*:)\d+`).ReplaceAllString(f.What, "$1") // any port
				what = regexp.MustCompile(` \(file descriptor \d+\)$`).ReplaceAllString(what, "")
				got = append(got, f.Kind+" "+what)
			}
			slices.Sort(got) // the descriptors have no order
			slices.Sort(want)
			if strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("%s: found\n%s\nwant\n%s", phase, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	}
}
