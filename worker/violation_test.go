package worker

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/test/kit/faker"
)

// violations are the ways to break the protocol during an invocation.
var violations = []struct {
	name   string
	commit func(f *fake, id string)
	reason string // part of the ProtocolError's message
	eof    bool   // R closed its pipe and lives on
}{
	{"garbage", func(f *fake, _ string) { f.Raw("[1] \"four\"\n") }, "control frame", false},
	{"oversized length", func(f *fake, _ string) { f.Raw("\xff\xff\xff\xff") }, "over the limit", false},
	{"no JSON", func(f *fake, _ string) { f.Raw("\x00\x00\x00\x04four") }, "not a JSON message", false},
	{"empty control frame", func(f *fake, _ string) { f.Raw("\x00\x00\x00\x00") }, "not a JSON message", false},
	{"unknown type", func(f *fake, id string) { f.Send(protocol.Reply{Type: "what", ID: id}) }, `unknown frame type "what"`, false},
	{"wrong id", func(f *fake, _ string) { f.Result("0", nil) }, `result frame with id "0", want "1"`, false},
	{"no id", func(f *fake, _ string) { f.Result("", nil) }, "result without an id", false},
	{"ready twice", func(f *fake, _ string) { f.Ready() }, `ready frame with id ""`, false},
	{"ready twice with the id", func(f *fake, id string) { f.Send(protocol.Reply{Type: protocol.TypeReady, ID: id}) }, "ready frame, want result, error or chunk", false},
	{"payload length of 4 GiB", func(f *fake, id string) {
		f.Send(protocol.Reply{Type: protocol.TypeResult, ID: id})
		f.Raw("\xff\xff\xff\xff")
	}, "payload frame", false},
	{"end of no stream", func(f *fake, id string) { f.End(id, nil) }, "end frame, want result, error or chunk", false},
	{"result of a stream", func(f *fake, id string) {
		f.Chunk(id, protocol.StreamHead{}, nil)
		f.Result(id, nil)
	}, "result frame, want chunk or end", false},
	{"error of a stream", func(f *fake, id string) {
		f.Chunk(id, protocol.StreamHead{}, nil)
		f.Send(protocol.Reply{Type: protocol.TypeError, ID: id, Error: &protocol.HandlerError{Type: "simpleError"}})
	}, "error frame, want chunk or end", false},
	{"chunk of another invocation", func(f *fake, id string) {
		f.Chunk(id, protocol.StreamHead{}, nil)
		f.Chunk("0", protocol.StreamHead{}, nil)
	}, `chunk frame with id "0", want "1"`, false},
	{"chunk over its limit", func(f *fake, id string) { f.Chunk(id, protocol.StreamHead{}, make([]byte, protocol.MaxChunk+1)) },
		"chunk: frame of 1048577 bytes", false},
	{"header in a content type", func(f *fake, id string) { f.Chunk(id, protocol.StreamHead{ContentType: "a\r\nX: y"}, nil) },
		"chunk with the content type", false},
	{"error without an error", func(f *fake, id string) { f.Send(protocol.Reply{Type: protocol.TypeError, ID: id}) }, "error without an error", false},
	{"no answer", func(f *fake, _ string) { faker.Check(f.Pipe.Close()) }, "closed its protocol pipes", true},
	{"truncated control frame", func(f *fake, _ string) { f.Raw("\x00\x00\x00\x20{"); faker.Check(f.Pipe.Close()) }, "frame cut short: 1 of 32 bytes", true},
	{"no payload", func(f *fake, id string) {
		f.Send(protocol.Reply{Type: protocol.TypeResult, ID: id})
		faker.Check(f.Pipe.Close())
	}, "no payload after its control frame", true},
	{"truncated payload", func(f *fake, id string) {
		f.Raw(strings.TrimSuffix(resultBytes(id, "four"), "ur"))
		faker.Check(f.Pipe.Close())
	}, "frame cut short: 2 of 4 bytes", true},
}

// playViolation plays the role violation:NAME.
func playViolation(f *fake, name string) {
	f.Start()
	id, _ := f.Next()
	for _, v := range violations {
		if v.name == name {
			v.commit(f, id)
			faker.Hang()
		}
	}
	faker.Check(fmt.Errorf("no violation %q", name))
}

// A worker that breaks the protocol is killed and never used again.
func TestViolation(t *testing.T) {
	for _, v := range violations {
		t.Run(v.name, func(t *testing.T) {
			w, _ := spawnFake(t, "violation:"+v.name)
			o := outcomeSoon(t, invokeBeside(w, "1", "{}"))
			violation := errorAs[*protocol.ProtocolError](t, o.err)
			if !strings.Contains(violation.Error(), v.reason) {
				t.Errorf("error is %q, want %q in it", violation, v.reason)
			}
			if errors.Is(o.err, protocol.ErrNotSent) {
				t.Error("the error is ErrNotSent, but the event was sent")
			}
			if got := errors.Is(o.err, io.EOF) || errors.Is(o.err, io.ErrUnexpectedEOF); got != v.eof {
				t.Errorf("error is %v: of an end of file: %v, want %v", o.err, got, v.eof)
			}
			quickly(t, "death", func() { <-w.Done() })
			if e := errorAs[*ExitError](t, w.Err()); e.Signal != unix.SIGKILL || e.Killed == "" {
				t.Errorf("the worker ended with %+v, want killed, and why", e)
			}
			if _, err := invoke(w, "2", "{}"); !errors.Is(err, protocol.ErrNotSent) {
				t.Errorf("the next invocation: %v, want ErrNotSent", err)
			}
		})
	}
}

// greetings are what a fake sends instead of ready.
var greetings = []struct {
	name   string
	greet  func(f *fake)
	reason string
}{
	{"garbage", func(f *fake) { f.Raw("Loading required package: stats\n") }, "control frame"},
	{"result", func(f *fake) { f.Result("1", nil) }, `result frame with id "1"`},
	{"error", func(f *fake) {
		f.Send(protocol.Reply{Type: protocol.TypeError, ID: "1", Error: &protocol.HandlerError{Type: "simpleError"}})
	}, `error frame with id "1"`},
	{"init_error without an error", func(f *fake) { f.Send(protocol.Reply{Type: protocol.TypeInitError}) }, "init_error without an error"},
	{"end of file", func(f *fake) { faker.Check(f.Pipe.Close()) }, "closed its protocol pipes"},
}

// playGreeting plays the role greeting:NAME.
func playGreeting(f *fake, name string) {
	f.Hello()
	for _, g := range greetings {
		if g.name == name {
			g.greet(f)
			faker.Hang()
		}
	}
	faker.Check(fmt.Errorf("no greeting %q", name))
}

func TestViolationInsteadOfReady(t *testing.T) {
	for _, g := range greetings {
		t.Run(g.name, func(t *testing.T) {
			_, err := Spawn(t.Context(), newConfig(t, "greeting:"+g.name, newLogbook()))
			if v := errorAs[*protocol.ProtocolError](t, err); !strings.Contains(v.Error(), g.reason) {
				t.Errorf("error is %q, want %q in it", v, g.reason)
			}
		})
	}
}

func init() {
	// extra follows the first answer, in the same write.
	for name, extra := range map[string]string{
		"a second answer": resultBytes("1", "again"),
		"a stray byte":    "\n",
	} {
		roles["answers, then "+name] = func(f *fake) {
			f.Start()
			id, event := f.Next()
			f.Raw(resultBytes(id, string(event)) + extra)
			faker.Hang()
		}
		roles["answers, later "+name] = func(f *fake) {
			interrupts := faker.Interrupts()
			f.Start()
			id, event := f.Next()
			f.Result(id, event)
			<-interrupts
			f.Raw(extra)
			faker.Hang()
		}
	}
	roles["closes its pipes"] = func(f *fake) {
		f.Start()
		id, event := f.Next()
		faker.Check(unix.Close(3))
		f.Raw(resultBytes(id, string(event)))
		faker.Check(f.Pipe.Close())
		faker.Hang()
	}
}

// An unsolicited frame is found before the next event is sent.
func TestUnsolicitedReply(t *testing.T) {
	for _, what := range []string{"a second answer", "a stray byte"} {
		for _, when := range []string{"then", "later"} {
			t.Run(what+"/"+when, func(t *testing.T) {
				w, _ := spawnFake(t, "answers, "+when+" "+what)
				echo(t, w, "1", `"first"`)
				if when == "later" {
					w.Interrupt()
					waitUntil(t, patience, "the unsolicited bytes are there", func() bool {
						events, err := poll(w.replies, unix.POLLIN)
						return err == nil && events&unix.POLLIN != 0
					})
				}
				_, err := invoke(w, "2", `"second"`)
				if !errors.Is(err, protocol.ErrNotSent) {
					t.Errorf("error is %v, want ErrNotSent", err)
				}
				errorAs[*protocol.ProtocolError](t, err)
				quickly(t, "death", func() { <-w.Done() })
			})
		}
	}
}

// Nothing is sent to a worker that has closed its pipes.
func TestClosedPipesWhileIdle(t *testing.T) {
	w, _ := spawnFake(t, "closes its pipes")
	echo(t, w, "1", "{}")
	waitUntil(t, patience, "the reply pipe is closed", func() bool {
		events, err := poll(w.replies, unix.POLLIN)
		return err == nil && events&unix.POLLHUP != 0
	})
	_, err := invoke(w, "2", "{}")
	if !errors.Is(err, protocol.ErrNotSent) {
		t.Errorf("error is %v, want ErrNotSent", err)
	}
	quickly(t, "death", func() { <-w.Done() })
}
