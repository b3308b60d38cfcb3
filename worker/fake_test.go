package worker

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/test/kit/faker"
)

// A fake is the R side of the protocol, in a process of its own.
type fake = faker.R

// roles maps the names of the roles that a fake can play to what they do. The roles of a table
// of tests are beside the table: crash:…, violation:… and greeting:….
var roles = map[string]func(f *fake){
	// Like R with the identity function as its handler.
	"echo": func(f *fake) {
		f.Start()
		for {
			id, event := f.Next()
			f.Result(id, event)
		}
	},
	// Hangs in its handler, and reads nothing.
	"hang": func(f *fake) {
		f.Start()
		f.AwaitRequest()
		fmt.Println("hanging")
		faker.Hang()
	},
	"never ready": func(f *fake) {
		f.Hello()
		fmt.Println("loading")
		faker.Hang()
	},
	"interruptible while it loads": func(f *fake) {
		interrupts := faker.Interrupts()
		f.Hello()
		<-interrupts
		f.Send(protocol.Reply{Type: protocol.TypeInitError, Error: &protocol.HandlerError{
			Type:  "Runtime.Interrupted",
			Stack: []protocol.StackFrame{{Call: "library(large)", File: "functions.R", Line: 2}, {Call: "loadNamespace(package)"}},
		}})
		faker.Hang()
	},
	// Each event is the texts to print, as JSON.
	"print": func(f *fake) {
		f.Start()
		for {
			id, event := f.Next()
			var texts struct{ Stdout, Stderr []byte }
			faker.Check(json.Unmarshal(event, &texts))
			os.Stdout.Write(texts.Stdout)
			os.Stderr.Write(texts.Stderr)
			f.Result(id, nil)
		}
	},
	"interruptible": func(f *fake) {
		interrupts := faker.Interrupts()
		f.Start()
		for {
			id, event := f.Next()
			if string(event) != "spin" {
				f.Result(id, event)
				continue
			}
			fmt.Println("spinning")
			<-interrupts
			f.Send(protocol.Reply{Type: protocol.TypeError, ID: id, Error: &protocol.HandlerError{Type: "Runtime.Interrupted"}})
		}
	},
	"waits for a child": waitForChild,
}

// waitForChild waits for a child, whatever SIGINT it gets, as system() does. Then it reports how
// the child ended.
func waitForChild(f *fake) {
	faker.Interrupts() // and never receives them
	f.Start()
	for {
		id, event := f.Next()
		if string(event) != "spin" {
			f.Result(id, event)
			continue
		}
		child := exec.Command("sh", "-c", "echo waiting; exec sleep 1000")
		child.Stdout = os.Stdout
		ended := child.Run()
		f.Send(protocol.Reply{Type: protocol.TypeError, ID: id, Error: &protocol.HandlerError{Message: fmt.Sprint(ended)}})
	}
}

// play plays a role, on file descriptors 3 and 4.
func play(name string) {
	f := faker.New()
	kind, rest, _ := strings.Cut(name, ":")
	switch {
	case kind == "crash":
		playCrash(f, rest)
	case kind == "violation":
		playViolation(f, rest)
	case kind == "greeting":
		playGreeting(f, rest)
	case roles[name] == nil:
		faker.Check(fmt.Errorf("no role %q", name))
	default:
		roles[name](f)
	}
}

// resultBytes returns a whole result: a control frame and the payload frame.
func resultBytes(id, payload string) string {
	return faker.Frames(protocol.Reply{Type: protocol.TypeResult, ID: id}, []byte(payload))
}
