package chaos

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/test/kit/faker"
	"lambda-r-runtime/test/kit/proc"
)

// hurt writes the fault to the journal and injects it. If the fake survives, it writes the rest of
// the reply.
func (f *fake) hurt(in instruction, r reply) {
	f.fire(in)
	if act := faults[in.Fault]; act != nil {
		act(f, in, &r)
	}
	f.Raw(r.frames)
}

// fire writes a fault to the journal.
func (f *fake) fire(in instruction) {
	text, err := json.Marshal(instruction{Nonce: in.Nonce, Fault: in.Fault, State: in.State})
	faker.Check(err)
	f.note("fire %d %d %s", os.Getpid(), time.Now().UnixNano(), text)
}

const garbage = "\xff\xfe this is not a frame\n"

// faults maps a fault to what the fake does. The harness injects the faults that are not here.
var faults = map[string]func(f *fake, in instruction, r *reply){
	"SIGKILL": func(*fake, instruction, *reply) { raise(syscall.SIGKILL) },
	"SIGSTOP": func(*fake, instruction, *reply) { raise(syscall.SIGSTOP); faker.Hang() },
	// The harness sends SIGCONT.
	"SIGSTOP until the deadline, then SIGCONT": func(*fake, instruction, *reply) { raise(syscall.SIGSTOP) },
	// Go's runtime catches SIGSEGV, so a shell with the same pid dies of it.
	"SIGSEGV": func(f *fake, _ instruction, _ *reply) { f.Exec("ulimit -c 0; kill -SEGV $$") },
	"exit 0":  func(*fake, instruction, *reply) { os.Exit(0) },
	"exit 3":  func(*fake, instruction, *reply) { os.Exit(3) },
	"SIGINT":  func(f *fake, _ instruction, _ *reply) { raise(syscall.SIGINT); <-f.interrupts; os.Exit(130) },

	"garbage": func(f *fake, in instruction, _ *reply) {
		f.Raw(garbage)
		if in.State == draining {
			return // and exits, as the shutdown asks
		}
		faker.Hang()
	},
	"truncated header": func(f *fake, _ instruction, _ *reply) { f.Raw("\x00\x00"); faker.Hang() },
	"truncated body": func(f *fake, in instruction, _ *reply) {
		if in.State != response { // half of it is already written
			f.Raw("\x00\x00\x01\x00{")
		}
		os.Exit(0)
	},
	"oversized length": func(f *fake, _ instruction, _ *reply) {
		f.Raw("\xff\xff\xff\xff")
		faker.Hang()
	},
	// The answer to another invocation.
	"wrong id": func(f *fake, in instruction, r *reply) {
		if in.State == spawning {
			f.Raw(faker.Frames(protocol.Reply{Type: protocol.TypeReady, ID: "whose"}, nil))
		} else {
			f.Raw(faker.Frames(protocol.Reply{Type: protocol.TypeResult, ID: "not-" + r.id}, []byte(`{"nonce":"of another"}`)))
		}
		faker.Hang()
	},
	"two replies": func(f *fake, _ instruction, r *reply) { f.Raw(r.frames + r.frames); faker.Hang() },
	// It waits for the interrupt at the deadline and answers a moment later.
	"reply after the deadline": func(f *fake, _ instruction, _ *reply) {
		<-f.interrupts
		time.Sleep(20 * time.Millisecond) // the fault itself
	},
	"a byte at a time": func(f *fake, in instruction, r *reply) {
		for i := range r.frames {
			f.Raw(r.frames[i : i+1])
		}
		r.frames = ""
	},
	"never reads": func(*fake, instruction, *reply) { faker.Hang() },

	"flood on stdout": func(*fake, instruction, *reply) { flood(os.Stdout) },
	"flood on stderr": func(*fake, instruction, *reply) { flood(os.Stderr) },
	"no newline":      func(*fake, instruction, *reply) { fmt.Print(strings.Repeat(" no newline", 200<<10/11)) },
	"invalid UTF-8":   func(*fake, instruction, *reply) { fmt.Print("\xff\xfe\xc0\n\x80 and \xf0\x28\x8c\n") },

	"RLIMIT_NOFILE": func(f *fake, in instruction, r *reply) {
		var before syscall.Rlimit
		faker.Check(syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before))
		faker.Check(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 0, Max: before.Max}))
		_, err := os.Open("/dev/null")
		faker.Check(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before))
		if in.State == spawning {
			faker.Check(err) // it cannot start
		}
		r.frames = faker.Frames(protocol.Reply{Type: protocol.TypeError, ID: r.id,
			Error: &protocol.HandlerError{Type: "simpleError", Message: fmt.Sprint(err)}}, nil)
	},

	"grandchild":                         func(f *fake, in instruction, _ *reply) { f.bear(in, false) },
	"grandchild in a session of its own": func(f *fake, in instruction, _ *reply) { f.bear(in, true) },
	"closes fd 4":                        func(f *fake, _ instruction, _ *reply) { f.Pipe.Close(); faker.Hang() },
	"loop that ignores SIGINT":           func(*fake, instruction, *reply) { faker.Hang() },

	// The harness stops and continues the others too.
	"freeze mid-spawn":   func(*fake, instruction, *reply) { raise(syscall.SIGSTOP) },
	"freeze mid-backoff": func(*fake, instruction, *reply) { os.Exit(3) },

	"/error 503":                      func(*fake, instruction, *reply) { raise(syscall.SIGKILL) },
	"/error reset before it is taken": func(*fake, instruction, *reply) { raise(syscall.SIGKILL) },
	"/error reset after it is taken":  func(*fake, instruction, *reply) { raise(syscall.SIGKILL) },

	"template SIGKILL": toTemplate(syscall.SIGKILL),
	"template SIGSEGV": toTemplate(syscall.SIGSEGV),
	"template SIGSTOP": toTemplate(syscall.SIGSTOP),
	// The arena sends SIGKILL when a fork was requested.
	"template SIGSTOP, then SIGKILL": toTemplate(syscall.SIGSTOP),
	"watchdog SIGKILL":               func(*fake, instruction, *reply) { proc.KillAll(proc.Watchdogs(os.Getppid())) },
}

// raise sends a signal to the calling thread, so that it is delivered before raise returns.
func raise(s syscall.Signal) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	faker.Check(unix.Tgkill(os.Getpid(), unix.Gettid(), s))
}

// bear starts a child that holds copies of all pipes. Then the fake ends: in the handler by
// itself, elsewhere killed because it breaks the protocol.
func (f *fake) bear(in instruction, session bool) {
	child := exec.Command("/bin/sleep", "60")
	if !session {
		child.Env = []string{} // only its process group identifies it
	}
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	child.ExtraFiles = []*os.File{f.Input, f.Pipe}
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: session}
	faker.Check(child.Start())
	f.note("child %d", child.Process.Pid)
	if in.State == handler {
		os.Exit(0)
	}
	f.Raw(garbage)
	faker.Hang()
}
