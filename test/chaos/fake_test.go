package chaos

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/test/kit/faker"
)

// The environment of a fake.
const (
	actAs      = "CHAOS_FAKE"    // if set, the test binary is a fake R: asWorker or asTemplate
	envJournal = "CHAOS_JOURNAL" // the named pipe that it writes to
	envPlan    = "CHAOS_PLAN"    // an instruction, as JSON, for the time before it is ready
)

// A fake serves or forks once it is ready.
const (
	asWorker   = "worker"
	asTemplate = "template"
)

// An instruction is an event. It names the fault that the fake injects into itself, and when.
type instruction struct {
	Nonce string `json:"nonce"`
	Fault string `json:"fault,omitempty"`
	State state  `json:"state,omitempty"`
	Pad   string `json:"pad,omitempty"` // makes the event larger than a pipe
}

// A fake is an R in its own process that can break itself.
type fake struct {
	*faker.R
	journal    *os.File
	interrupts <-chan os.Signal
	armed      instruction // for the next request, or for the shutdown
	lastID     string
}

// playFake runs this process as a fake.
func playFake() {
	// Like R, it survives an interrupt while it is busy.
	f := &fake{R: faker.New(), interrupts: faker.Interrupts()}
	var err error
	f.journal, err = os.OpenFile(os.Getenv(envJournal), os.O_WRONLY|os.O_APPEND, 0)
	faker.Check(err)

	var plan instruction
	if text := os.Getenv(envPlan); text != "" {
		faker.Check(json.Unmarshal([]byte(text), &plan))
	}
	if plan.Fault != "never reads" || plan.State != spawning {
		f.Hello()
	}
	if plan.State == spawning {
		f.hurt(plan, reply{frames: faker.ReadyFrames()})
	} else {
		f.Ready()
	}
	if os.Getenv(actAs) == asTemplate {
		f.template()
	}
	for {
		f.serve()
	}
}

// serve waits for a request and answers it.
func (f *fake) serve() {
	f.AwaitRequest()
	if in := f.take(unread); in.Fault != "" {
		f.hurt(in, reply{})
	}
	if f.armed.State == draining && f.armed.Fault == "never reads" {
		f.hurt(f.armed, reply{}) // the next request is the shutdown
	}
	id, event, shutdown := f.NextOrShutdown()
	if shutdown {
		if in := f.take(draining); in.Fault != "" {
			f.hurt(in, reply{})
		}
		os.Exit(0)
	}
	var in instruction
	faker.Check(json.Unmarshal(event, &in))
	f.note("read %s %d", id, os.Getpid())

	// Print a line on each stream. The previous output may have ended without a newline, and so
	// may the last output before the answer.
	fmt.Fprintf(os.Stderr, "\n%s%s\n", lineMark, in.Nonce)
	fmt.Fprintf(os.Stdout, "\n%s%s", lineMark, in.Nonce)
	if in.Fault != "no newline" {
		fmt.Fprintln(os.Stdout)
	}
	payload, err := json.Marshal(instruction{Nonce: in.Nonce})
	faker.Check(err)
	answer := reply{id: id, last: f.lastID, frames: faker.Frames(protocol.Reply{Type: protocol.TypeResult, ID: id}, payload)}
	f.lastID = id
	switch in.State {
	case handler:
		f.hurt(in, answer)
	case response:
		cut := len(answer.frames) - len(payload)/2
		switch in.Fault {
		case "garbage", "oversized length", "grandchild", "grandchild in a session of its own":
			cut = len(answer.frames) - len(payload) - 4 // any bytes are valid in a payload
		case "SIGKILL":
			if in.Nonce[len(in.Nonce)-1]%2 == 0 {
				cut = 2 // half of the control frame's length
			}
		}
		f.Raw(answer.frames[:cut])
		answer.frames = answer.frames[cut:]
		f.hurt(in, answer)
	case ready:
		f.Raw(answer.frames)
		f.hurt(in, reply{id: id})
	default:
		f.armed = in
		f.Raw(answer.frames)
	}
}

// lineMark begins a line that must be logged before the answer is posted.
const lineMark = "before the answer to "

// take returns the instruction that is armed for a state, and disarms it.
func (f *fake) take(s state) instruction {
	if f.armed.State != s {
		return instruction{}
	}
	in := f.armed
	f.armed = instruction{}
	return in
}

// A reply is the part of the answer that the fake has not written yet.
type reply struct {
	id     string // of the invocation
	last   string // the id of the invocation before
	frames string
}

// note writes a line to the journal, in one write.
func (f *fake) note(format string, args ...any) {
	_, err := fmt.Fprintf(f.journal, format+"\n", args...)
	faker.Check(err)
}

// flood writes 2 MB of lines.
func flood(w io.Writer) {
	line := strings.Repeat("flood ", 20) + "\n"
	block := strings.Repeat(line, 64<<10/len(line))
	for n := 0; n < 2<<20; n += len(block) {
		_, _ = io.WriteString(w, block) // fails only if bootstrap has ended
	}
}
