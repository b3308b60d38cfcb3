package worker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"lambda-r-runtime/protocol"
)

// A fake is the R side of the protocol, in a process of its own.
type fake struct {
	input    *os.File // what requests reads from
	requests *protocol.Reader
	replies  *protocol.Writer
	pipe     *os.File // what replies writes to
}

// roles maps the names of the roles that a fake can play to what they do. The roles of a table
// of tests are beside the table: crash:…, violation:… and greeting:….
var roles = map[string]func(f *fake){
	// Like R with the identity function as its handler.
	"echo": func(f *fake) {
		f.start()
		for {
			id, event := f.next()
			f.result(id, event)
		}
	},
	// Hangs in its handler, and reads nothing.
	"hang": func(f *fake) {
		f.start()
		f.awaitRequest()
		fmt.Println("hanging")
		hang()
	},
	"never ready": func(f *fake) {
		f.hello()
		fmt.Println("loading")
		hang()
	},
	// Each event is the texts to print, as JSON.
	"print": func(f *fake) {
		f.start()
		for {
			id, event := f.next()
			var texts struct{ Stdout, Stderr []byte }
			check(json.Unmarshal(event, &texts))
			os.Stdout.Write(texts.Stdout)
			os.Stderr.Write(texts.Stderr)
			f.result(id, nil)
		}
	},
	"interruptible": func(f *fake) {
		interrupts := notifyInterrupt()
		f.start()
		for {
			id, event := f.next()
			if string(event) != "spin" {
				f.result(id, event)
				continue
			}
			fmt.Println("spinning")
			<-interrupts
			f.send(protocol.Reply{Type: protocol.TypeError, ID: id, Error: &protocol.HandlerError{Type: "Runtime.Interrupted"}})
		}
	},
}

// play plays a role, on file descriptors 3 and 4.
func play(name string) {
	input, pipe := os.NewFile(3, "requests"), os.NewFile(4, "replies")
	f := &fake{
		input:    input,
		requests: protocol.NewReader(input),
		replies:  protocol.NewWriter(pipe),
		pipe:     pipe,
	}
	kind, rest, _ := strings.Cut(name, ":")
	switch {
	case kind == "crash":
		playCrash(f, rest)
	case kind == "violation":
		playViolation(f, rest)
	case kind == "greeting":
		playGreeting(f, rest)
	case roles[name] == nil:
		check(fmt.Errorf("no role %q", name))
	default:
		roles[name](f)
	}
}

// check ends the fake if it has made an error, in a way that no test expects.
func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "fake:", err)
		os.Exit(99)
	}
}

// receive reads a frame. Like R, the fake exits at the end of its requests.
func (f *fake) receive() []byte {
	frame, err := f.requests.ReadPayload(protocol.MaxPayload)
	if err != nil {
		os.Exit(0)
	}
	return frame
}

func (f *fake) hello() protocol.Hello {
	var hello protocol.Hello
	check(json.Unmarshal(f.receive(), &hello))
	return hello
}

func (f *fake) ready() {
	f.send(protocol.Reply{Type: protocol.TypeReady, Ready: protocol.Ready{RVersion: "4.2.2", Required: []string{"number"}}})
}

func (f *fake) start() {
	f.hello()
	f.ready()
}

// next reads an invocation, or exits if the request is a shutdown.
func (f *fake) next() (id string, event []byte) {
	var invoke protocol.Invoke
	check(json.Unmarshal(f.receive(), &invoke))
	if invoke.Type == protocol.TypeShutdown {
		fmt.Println("shut down")
		os.Exit(0)
	}
	return invoke.ID, f.receive()
}

// awaitRequest returns when there is something to read, and leaves it unread.
func (f *fake) awaitRequest() {
	for {
		fds := []unix.PollFd{{Fd: 3, Events: unix.POLLIN}}
		if n, err := unix.Poll(fds, -1); n > 0 && err == nil {
			return
		}
	}
}

func (f *fake) send(reply protocol.Reply) { check(f.replies.WriteMessage(reply)) }

func (f *fake) log(id, level, message, call string) {
	f.send(protocol.Reply{Type: protocol.TypeLog, ID: id, Record: protocol.Record{Level: level, Message: message, Call: call}})
	f.receive() // the ack
}

func (f *fake) result(id string, payload []byte) {
	check(f.replies.WriteMessagePayload(protocol.Reply{Type: protocol.TypeResult, ID: id, RMs: 1.5}, payload))
}

// chunk sends a piece of a stream. It does not wait for the ack.
func (f *fake) chunk(id string, head protocol.StreamHead, piece []byte) {
	check(f.replies.WriteMessagePayload(protocol.Reply{Type: protocol.TypeChunk, ID: id, StreamHead: head}, piece))
}

// acked reads the ack of a chunk and returns why the caller has gone, or "".
func (f *fake) acked() string {
	var ack protocol.Ack
	check(json.Unmarshal(f.receive(), &ack))
	if ack.Type != protocol.TypeAck {
		check(fmt.Errorf("%q frame, want ack", ack.Type))
	}
	return ack.Gone
}

func (f *fake) end(id string, e *protocol.HandlerError) {
	f.send(protocol.Reply{Type: protocol.TypeEnd, ID: id, Error: e})
}

// raw writes bytes that need not be a frame.
func (f *fake) raw(b string) {
	_, err := f.pipe.WriteString(b)
	check(err)
}

// resultBytes returns a whole result: a control frame and the payload frame.
func resultBytes(id, payload string) string {
	var b bytes.Buffer
	check(protocol.NewWriter(&b).WriteMessagePayload(protocol.Reply{Type: protocol.TypeResult, ID: id}, []byte(payload)))
	return b.String()
}

// hang never returns. It does not even end at the end of the requests.
func hang() {
	for {
		_, _ = unix.Poll(nil, -1) // returns after a signal
	}
}

// notifyInterrupt keeps SIGINT from ending the fake.
func notifyInterrupt() <-chan os.Signal {
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, syscall.SIGINT)
	return interrupts
}

// exec replaces the fake by a shell, which has the same pid and file descriptors.
func (f *fake) exec(script string) {
	check(syscall.Exec("/bin/sh", []string{"sh", "-c", script}, os.Environ()))
}
