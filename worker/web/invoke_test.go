package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/worker"
)

func TestInvoke(t *testing.T) {
	w := start(t, "none")
	answer, err := invoke(t, w, get)
	const want = `{"statusCode":200,"headers":{"Content-Type":"text/plain"},"isBase64Encoded":false,"body":"hello"}`
	if err != nil || string(answer.Payload) != want || answer.Failure != nil {
		t.Errorf("got %s, %v, %v", answer.Payload, answer.Failure, err)
	}
	if answer.RTime <= 0 {
		t.Errorf("it took %v", answer.RTime)
	}
}

// Each fault has its own error.
func TestFaultyServers(t *testing.T) {
	for fault, check := range map[string]func(error) bool{
		"closes":    is[*ClosedError],
		"cut":       is[*ClosedError],
		"exit":      is[*worker.ExitError],
		"malformed": is[*protocol.ProtocolError],
		"header":    is[*protocol.ProtocolError],
	} {
		answer, err := invoke(t, start(t, fault), get)
		if !check(err) || errors.Is(err, protocol.ErrNotSent) {
			t.Errorf("%s: got %s, %v (%T)", fault, answer.Payload, err, err)
		}
	}
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func TestStream(t *testing.T) {
	for fault, want := range map[string]string{"chunks": "abcde", "badchunk": "abc"} {
		var head protocol.StreamHead
		var body bytes.Buffer
		w := start(t, fault)
		answer, err := w.Invoke(protocol.Invoke{ID: "id-1"}, []byte(get), func(h protocol.StreamHead) io.Writer {
			head = h
			return &body
		})
		if body.String() != want || head.Prelude == nil || head.Prelude.StatusCode != 200 || answer.Payload != nil {
			t.Errorf("%s: got %q, %+v", fault, body.String(), head.Prelude)
		}
		if broken := fault == "badchunk"; broken != (err != nil) {
			t.Errorf("%s: got %v", fault, err)
		}
		if fault == "chunks" && !slices.Equal(head.Prelude.Cookies, []string{"a=1"}) {
			t.Errorf("got the cookies %q", head.Prelude.Cookies)
		}
	}
}

// A reader that has left ends a stream, and the server continues.
func TestStreamWithoutReader(t *testing.T) {
	w := start(t, "chunks")
	for range 2 {
		_, err := w.Invoke(protocol.Invoke{ID: "id-1"}, []byte(get), func(protocol.StreamHead) io.Writer { return gone{} })
		if err != nil {
			t.Error(err)
		}
	}
}

type gone struct{}

func (gone) Write([]byte) (int, error) { return 0, errors.New("the reader has left") }

func TestOtherEvents(t *testing.T) {
	for fault, want := range map[string]string{"text": `"not JSON"`, "empty": "null"} {
		if answer, err := invoke(t, start(t, fault), `{"Records":[]}`); err != nil || string(answer.Payload) != want {
			t.Errorf("%s: got %s, %v", fault, answer.Payload, err)
		}
	}
	answer, err := invoke(t, start(t, "missing"), `{"Records":[]}`)
	const want = "the web server answered the event, POST /events, with status 404: ; add a route for POST /events, or remove the trigger that sends such events"
	if err != nil || answer.Failure == nil || answer.Failure.Message != want || answer.Payload != nil {
		t.Errorf("got %+v, %v", answer, err)
	}
}

// A dead server received nothing.
func TestInvokeOfADeadServer(t *testing.T) {
	w := start(t, "none")
	w.Kill("the test ends it")
	if _, err := invoke(t, w, get); !errors.Is(err, protocol.ErrNotSent) {
		t.Errorf("got %v", err)
	}
	<-w.Done()
	if _, err := invoke(t, w, get); !errors.Is(err, protocol.ErrNotSent) {
		t.Errorf("got %v", err)
	}
}

// A kill ends an Invoke that waits, and so does an interrupt that the server dies of.
func TestEndOfAHangingServer(t *testing.T) {
	for name, end := range map[string]func(*Worker){
		"kill":      func(w *Worker) { w.Kill("the test ends it") },
		"interrupt": (*Worker).Interrupt,
	} {
		log := lines(make(chan string, 100))
		w := startLogged(t, "hang", slog.New(slog.NewTextHandler(log, nil)))
		var ender sync.WaitGroup
		ender.Go(func() { // ends with the invocation
			log.await("served GET")
			end(w)
		})
		answer, err := invoke(t, w, get)
		ender.Wait()
		if name == "kill" && !is[*worker.ExitError](err) {
			t.Errorf("%s: got %v", name, err)
		}
		if name == "interrupt" && (err != nil || answer.Failure == nil || answer.Failure.Type != "Runtime.Interrupted") {
			t.Errorf("%s: got %+v, %v", name, answer, err)
		}
	}
}

// lines are the lines of a log.
type lines chan string

func (l lines) Write(line []byte) (int, error) {
	l <- string(line)
	return len(line), nil
}

// await waits for a line with a text.
func (l lines) await(text string) {
	for line := range l {
		if strings.Contains(line, text) {
			return
		}
	}
}

// Servers run side by side, each on its own port.
func TestPortsDiffer(t *testing.T) {
	if a, b := start(t, "none"), start(t, "none"); a.port == b.port {
		t.Errorf("both have port %d", a.port)
	}
}

// A port that another process takes before the server listens is replaced by another one.
func TestPortIsTaken(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	taken := other.Addr().(*net.TCPAddr).Port
	discard := slog.New(slog.DiscardHandler)

	for _, fault := range []string{"none", "deaf"} { // a server that ends then, and one that lives on
		chosen := 0
		w, err := startFaulty(t, fault, discard, func() (int, error) {
			if chosen++; chosen == 1 {
				return taken, nil
			}
			return freePort()
		})
		if err != nil || w.port == taken || chosen != 2 {
			t.Errorf("%s: got %v after %d ports", fault, err, chosen)
		}
	}
	_, err = startFaulty(t, "none", discard, func() (int, error) { return taken, nil })
	if !is[*ListenError](err) || !strings.Contains(err.Error(), "another process listens on its port") {
		t.Errorf("got %v", err)
	}
}

func TestCommandsThatCannotStart(t *testing.T) {
	script, err := worker.NewScript(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer script.Close()
	for _, command := range []string{"not-a-program", "./not/there", t.TempDir()} {
		c := worker.Config{Script: script, Dir: t.TempDir(), TempDir: t.TempDir(), Log: slog.New(slog.DiscardHandler)}
		_, err := Spawn(context.Background(), Configure(c, []string{command}, nil, false), Start)
		if !is[*CommandError](err) {
			t.Errorf("%s: got %v", command, err)
		}
	}
}

func TestParseStack(t *testing.T) {
	stack := parseStack([]byte("f(x)\t\t\ng(\"a\")\t/app/api.R\t12\nbroken\n\xff\t\tx\n"))
	want := []protocol.StackFrame{{Call: "f(x)"}, {Call: `g("a")`, File: "/app/api.R", Line: 12}, {Call: "\uFFFD"}}
	if !slices.Equal(stack, want) {
		t.Errorf("got %+v", stack)
	}
	if got := parseStack(nil); got != nil {
		t.Errorf("got %v", got)
	}
}

func TestLookPathFindsRscriptBesideR(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/Rscript", nil, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", "")
	got, err := lookPath(worker.Config{Args: []string{"Rscript"}, Bin: dir + "/R"})
	if err != nil || got != dir+"/Rscript" {
		t.Errorf("got %s, %v", got, err)
	}
	if _, err := lookPath(worker.Config{Args: []string{"python3"}, Bin: dir + "/R"}); err == nil {
		t.Error("found python3")
	}
}
