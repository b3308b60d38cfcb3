package chaos

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"lambda-r-runtime/protocol"
)

// The environment of a fake.
const (
	actAs      = "CHAOS_FAKE"    // set: the test binary is a fake R
	envJournal = "CHAOS_JOURNAL" // the named pipe that it writes to
	envPlan    = "CHAOS_PLAN"    // an instruction, as JSON, for before it is ready
)

// An instruction is an event: what the fake is to do to itself, and when.
type instruction struct {
	Nonce string `json:"nonce"`
	Fault string `json:"fault,omitempty"`
	State state  `json:"state,omitempty"`
	Pad   string `json:"pad,omitempty"` // makes an event that no pipe can hold
}

// A fake is an R in a process of its own, which can break itself.
type fake struct {
	input, pipe *os.File // fd 3 and fd 4
	requests    *protocol.Reader
	journal     *os.File
	interrupts  chan os.Signal
	armed       instruction // for the next request, or for the shutdown
	lastID      string
}

// playFake is the life of a fake.
func playFake() {
	f := &fake{input: os.NewFile(3, "requests"), pipe: os.NewFile(4, "replies"), interrupts: make(chan os.Signal, 1)}
	f.requests = protocol.NewReader(f.input)
	// As R, it survives an interrupt while busy.
	signal.Notify(f.interrupts, syscall.SIGINT)
	var err error
	f.journal, err = os.OpenFile(os.Getenv(envJournal), os.O_WRONLY|os.O_APPEND, 0)
	check(err)

	var plan instruction
	if text := os.Getenv(envPlan); text != "" {
		check(json.Unmarshal([]byte(text), &plan))
	}
	readyFrame := frames(protocol.Reply{Type: protocol.TypeReady, Ready: protocol.Ready{RVersion: "4.2.2"}}, nil)
	if plan.Fault != "never reads" || plan.State != spawning {
		f.receive() // the hello
	}
	if plan.State == spawning {
		f.hurt(plan, reply{frames: readyFrame})
	} else {
		f.write(readyFrame)
	}
	for {
		f.serve()
	}
}

// serve waits for a request and answers it.
func (f *fake) serve() {
	f.awaitRequest()
	if in := f.take(unread); in.Fault != "" {
		f.hurt(in, reply{})
	}
	if f.armed.State == draining && f.armed.Fault == "never reads" {
		f.hurt(f.armed, reply{}) // nothing but the shutdown comes after it was armed
	}
	var invoke protocol.Invoke
	check(json.Unmarshal(f.receive(), &invoke))
	if invoke.Type == protocol.TypeShutdown {
		if in := f.take(draining); in.Fault != "" {
			f.hurt(in, reply{})
		}
		os.Exit(0)
	}
	var in instruction
	check(json.Unmarshal(f.receive(), &in))
	f.note("read %s %d", invoke.ID, os.Getpid())

	// A line on each stream. What was printed last may have had no newline, and the
	// last one before the answer need not have one.
	fmt.Fprintf(os.Stderr, "\n%s%s\n", lineMark, in.Nonce)
	fmt.Fprintf(os.Stdout, "\n%s%s", lineMark, in.Nonce)
	if in.Fault != "no newline" {
		fmt.Fprintln(os.Stdout)
	}
	payload, err := json.Marshal(instruction{Nonce: in.Nonce})
	check(err)
	answer := reply{id: invoke.ID, last: f.lastID, frames: frames(protocol.Reply{Type: protocol.TypeResult, ID: invoke.ID}, payload)}
	f.lastID = invoke.ID
	switch in.State {
	case handler:
		f.hurt(in, answer)
	case response:
		cut := len(answer.frames) - len(payload)/2
		switch in.Fault {
		case "garbage", "oversized length", "grandchild", "grandchild in a session of its own":
			cut = len(answer.frames) - len(payload) - 4 // in a payload, any bytes are good
		case "SIGKILL":
			if in.Nonce[len(in.Nonce)-1]%2 == 0 {
				cut = 2 // half of the control frame's length
			}
		}
		f.write(answer.frames[:cut])
		answer.frames = answer.frames[cut:]
		f.hurt(in, answer)
	case ready:
		f.write(answer.frames)
		f.hurt(in, reply{id: invoke.ID})
	default:
		f.armed = in
		f.write(answer.frames)
	}
}

// lineMark begins a line that the log must have before the answer is posted.
const lineMark = "before the answer to "

// take returns the instruction that is armed for a state, once.
func (f *fake) take(s state) instruction {
	if f.armed.State != s {
		return instruction{}
	}
	in := f.armed
	f.armed = instruction{}
	return in
}

// A reply is what the fake has yet to write, if it is to answer.
type reply struct {
	id     string // of the invocation
	last   string // the id of the invocation before
	frames []byte
}

// note writes a line into the journal. It is short enough to be written as one.
func (f *fake) note(format string, args ...any) {
	_, err := fmt.Fprintf(f.journal, format+"\n", args...)
	check(err)
}

// receive reads a frame. Like R, the fake exits at the end of its requests.
func (f *fake) receive() []byte {
	frame, err := f.requests.ReadPayload(protocol.MaxPayload)
	if err != nil {
		os.Exit(0)
	}
	return frame
}

// awaitRequest returns when there is something to read, and leaves it unread.
func (f *fake) awaitRequest() {
	for f.requests.Buffered() == 0 {
		fds := []unix.PollFd{{Fd: 3, Events: unix.POLLIN}}
		if n, err := unix.Poll(fds, -1); n > 0 && err == nil {
			return
		}
	}
}

// write writes bytes to the reply pipe. Nobody may read them any more.
func (f *fake) write(b []byte) {
	if _, err := f.pipe.Write(b); errors.Is(err, syscall.EPIPE) {
		os.Exit(0)
	}
}

// frames returns a control frame, and after a result its payload frame.
func frames(r protocol.Reply, payload []byte) []byte {
	var b bytes.Buffer
	w := protocol.NewWriter(&b)
	if r.Type == protocol.TypeResult {
		check(w.WriteMessagePayload(r, payload))
	} else {
		check(w.WriteMessage(r))
	}
	return b.Bytes()
}

// check ends a fake at an error of its own, in a way that no fault is.
func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "fake:", err)
		os.Exit(99)
	}
}

// hang does nothing for ever, not even ending at the end of the requests.
func hang() {
	for {
		_, _ = unix.Poll(nil, -1) // interrupted by a signal: again
	}
}

// flood writes 2 MB of lines.
func flood(w io.Writer) {
	line := strings.Repeat("flood ", 20) + "\n"
	block := strings.Repeat(line, 64<<10/len(line))
	for n := 0; n < 2<<20; n += len(block) {
		_, _ = io.WriteString(w, block) // whoever does not read it any more has ended
	}
}
