//go:build linux

// Package faker plays R's side of the protocol in Go, for tests that execute themselves as R. A fake
// exits with status 99 at an error of its own, which no test expects.
package faker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"lambda-r-runtime/protocol"
)

// An R is the R side of the protocol, in a process of its own.
type R struct {
	Input *os.File // the requests, on file descriptor 3
	Pipe  *os.File // the replies, on file descriptor 4

	requests *protocol.Reader
	replies  *protocol.Writer
	tag      string // begins log records
	records  int    // how many it has sent
}

// New returns an R on the file descriptors that the worker gave this process. If this process was
// forked, it reports that.
func New() *R {
	input, pipe := os.NewFile(3, "requests"), os.NewFile(4, "replies")
	r := &R{Input: input, Pipe: pipe, requests: protocol.NewReader(input), replies: protocol.NewWriter(pipe)}
	if frame := os.Getenv(envFork); frame != "" {
		r.bear(frame)
	}
	return r
}

// Receive reads a frame. Like R, it exits at the end of the requests.
func (r *R) Receive() []byte {
	frame, err := r.requests.ReadPayload(protocol.MaxPayload)
	if err != nil {
		os.Exit(0)
	}
	return frame
}

// AwaitRequest returns when there is something to read, and leaves it unread.
func (r *R) AwaitRequest() {
	for r.requests.Buffered() == 0 {
		fds := []unix.PollFd{{Fd: 3, Events: unix.POLLIN}}
		if n, err := unix.Poll(fds, -1); n > 0 && err == nil {
			return
		}
	}
}

// Hello reads the first request.
func (r *R) Hello() (hello protocol.Hello) {
	Check(json.Unmarshal(r.Receive(), &hello))
	r.tag = hello.LogTag
	return hello
}

// Ready reports that the handler is loaded.
func (r *R) Ready() { r.Send(readyReply) }

var readyReply = protocol.Reply{Type: protocol.TypeReady, Ready: protocol.Ready{RVersion: "4.2.2", Required: []string{"number"}}}

// ReadyFrames returns what Ready sends.
func ReadyFrames() string { return Frames(readyReply, nil) }

// Start reads the first request and reports that the handler is loaded.
func (r *R) Start() {
	r.Hello()
	r.Ready()
}

// Next reads an invocation. If the request is a shutdown, it exits.
func (r *R) Next() (id string, event []byte) {
	id, event, shutdown := r.NextOrShutdown()
	if shutdown {
		fmt.Println("shut down")
		os.Exit(0)
	}
	return id, event
}

// NextOrShutdown reads an invocation or a shutdown.
func (r *R) NextOrShutdown() (id string, event []byte, shutdown bool) {
	var invoke protocol.Invoke
	Check(json.Unmarshal(r.Receive(), &invoke))
	if invoke.Type == protocol.TypeShutdown {
		return "", nil, true
	}
	return invoke.ID, r.Receive(), false
}

// NextPhase reads a phase. If the request is a shutdown, it exits.
func (r *R) NextPhase() (p protocol.Phase) {
	Check(json.Unmarshal(r.Receive(), &p))
	if p.Type == protocol.TypeShutdown {
		fmt.Println("shut down")
		os.Exit(0)
	}
	return p
}

// Send sends a reply without a payload.
func (r *R) Send(reply protocol.Reply) { Check(r.replies.WriteMessage(reply)) }

// Tag returns what begins each log record.
func (r *R) Tag() string { return r.tag }

// Log sends a log record, which must fit into one line of 4096 bytes.
func (r *R) Log(id, level, message, call string) {
	r.LogRecord(protocol.Record{ID: id, Level: level, Message: message, Call: call})
}

// LogRecord sends a log record, which must fit into one line of 4096 bytes.
func (r *R) LogRecord(record protocol.Record) {
	body, err := json.Marshal(record)
	Check(err)
	r.records++
	_, err = fmt.Fprintf(os.Stderr, "%s%d %d %s\n", r.tag, os.Getpid(), r.records, body)
	Check(err)
	_, err = fmt.Fprintf(os.Stdout, "%s%d\n", r.tag, r.records)
	Check(err)
}

// Result sends the result of an invocation.
func (r *R) Result(id string, payload []byte) {
	Check(r.replies.WriteMessagePayload(protocol.Reply{Type: protocol.TypeResult, ID: id, RMs: 1.5}, payload))
}

// Chunk sends a piece of a stream. It does not wait for the ack.
func (r *R) Chunk(id string, head protocol.StreamHead, piece []byte) {
	Check(r.replies.WriteMessagePayload(protocol.Reply{Type: protocol.TypeChunk, ID: id, StreamHead: head}, piece))
}

// Acked reads the ack of a chunk and returns why the caller has gone, or "".
func (r *R) Acked() string {
	var ack protocol.Ack
	Check(json.Unmarshal(r.Receive(), &ack))
	if ack.Type != protocol.TypeAck {
		Check(fmt.Errorf("%q frame, want ack", ack.Type))
	}
	return ack.Gone
}

// End ends a stream, with an error if e is not nil.
func (r *R) End(id string, e *protocol.HandlerError) {
	r.Send(protocol.Reply{Type: protocol.TypeEnd, ID: id, Error: e})
}

// Raw writes bytes that need not be a frame. If the other end is closed, it exits like R.
func (r *R) Raw(b string) {
	_, err := r.Pipe.WriteString(b)
	if errors.Is(err, syscall.EPIPE) {
		os.Exit(0)
	}
	Check(err)
}

// Exec replaces the fake by a shell, which has the same pid and file descriptors.
func (r *R) Exec(script string) {
	Check(syscall.Exec("/bin/sh", []string{"sh", "-c", script}, os.Environ()))
}

// Frames returns a control frame and, after a result, its payload frame.
func Frames(reply protocol.Reply, payload []byte) string {
	var b bytes.Buffer
	w := protocol.NewWriter(&b)
	if reply.Type == protocol.TypeResult {
		Check(w.WriteMessagePayload(reply, payload))
	} else {
		Check(w.WriteMessage(reply))
	}
	return b.String()
}

// Interrupts keeps SIGINT from ending the fake, and returns the channel that receives it.
func Interrupts() <-chan os.Signal {
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, syscall.SIGINT)
	return interrupts
}

// Hang never returns. It does not even end at the end of the requests.
func Hang() {
	for {
		_, _ = unix.Poll(nil, -1) // returns after a signal
	}
}

// Check exits if err is not nil.
func Check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "fake:", err)
		os.Exit(99)
	}
}

// Operation sends an operation of a durable execution. It does not wait for the outcome.
func (r *R) Operation(id string, op protocol.Operation, payload []byte) {
	reply := protocol.Reply{Type: protocol.TypeOperation, ID: id, Operation: &op, HasPayload: payload != nil}
	Check(r.replies.WriteMessagePayload(reply, payload))
}
