//go:build browser

package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// state is a condition: a slot is in this state, with a worker other than pid.
func state(slot int, name string, pid int) string {
	return fmt.Sprintf(`(() => { const li = document.querySelector("#slots li[data-slot='%d']");
		const pid = Number(li?.querySelector(".pid").textContent.slice(4) ?? 0);
		return li?.querySelector(".state").textContent === %q && pid !== %d; })()`, slot, name, pid)
}

func (p *page) pid(slot int) int {
	p.t.Helper()
	return eval[int](p, fmt.Sprintf(`Number(document.querySelector("#slots li[data-slot='%d'] .pid").textContent.slice(4))`, slot))
}

func (p *page) fault(slot int, name string) {
	p.t.Helper()
	p.click(fmt.Sprintf(`#slots li[data-slot='%d'] button[data-fault=%s]`, slot, name))
}

// The timeline shows the life of each slot. A click on an invocation shows its log lines, durations
// and memory.
func TestTimeline(t *testing.T) {
	p := open(serve(t, "functions.run", "--concurrency", "2"))
	p.wait(state(0, "ready", 0) + " && " + state(1, "ready", 0))
	p.wait(`document.querySelectorAll(".lane rect.spawning").length === 2 && document.querySelectorAll(".lane rect.ready").length === 2`)
	p.invoke(`{"what": "log", "text": "words"}`)
	p.setEvent(`{"what": "error"}`)
	p.click("#send")
	p.wait(`document.querySelector(".lane .busy.failed")`)
	first := `.lane .busy.ok`
	p.click(first)
	p.wait(chosenNumber + " === 1")
	p.waitText("#detail .lines", "a message: words")
	p.waitText("#detail .lines .warn", "a warning")
	p.waitText("#detail dl", "Memory of R")
	if got := eval[[]string](p, `[...document.querySelectorAll("#durations dd")].map((d) => d.dataset.step)`); fmt.Sprint(got) != "[wait decode handler encode around all]" {
		t.Errorf("the durations are %v", got)
	}
	if handler := p.text("#durations [data-step=handler]"); handler == "0.0 ms" {
		t.Errorf("the handler took %s", handler)
	}
	for _, id := range []string{"memory", "latency"} {
		p.wait(`document.querySelector("#` + id + ` svg *")`)
	}
	p.waitText("#latency figcaption", "Latencies of 2 invocations")
	p.waitText("#memory figcaption", "slot 1")
}

// The chart of the init names the slowest packages.
func TestSlowestPackages(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "library(tools)\nlibrary(jsonlite)\nrun <- function() 1\n")
	p := open(serveIn(t, dir, "functions.run"))
	p.waitText("#init figcaption", "tools")
	p.waitText("#init svg", "tools")
}

// Each fault does to the worker what its name says, and the page shows it.
func TestFaults(t *testing.T) {
	s := serve(t, "functions.run", "--concurrency", "2")
	p := open(s)
	p.wait(state(0, "ready", 0) + " && " + state(1, "ready", 0))
	p.sub("kill -9", func(t *testing.T) {
		old := p.pid(0)
		p.fault(0, "kill")
		p.wait(state(0, "ready", old))
		p.wait(`document.querySelector("#slots li[data-slot='0'] .lane rect.restarting")`)
	})
	p.sub("interrupt", func(t *testing.T) {
		p.fault(0, "interrupt")
		p.waitText("#fault-status", "would die of an interrupt")
		p.setEvent(`{"what": "sleep", "n": 3600}`)
		p.click("#send")
		busy := p.busy()
		p.fault(busy, "interrupt")
		p.waitText("#detail-title", ": failed")
		p.waitText("#detail .message", "Interrupt")
		p.wait(state(busy, "ready", 0))
	})
	p.forgive("409") // the refused interrupt
	p.sub("stop and continue", func(t *testing.T) {
		pid := p.pid(1)
		p.fault(1, "stop")
		p.wait(state(1, "stopped", 0))
		if got := processState(t, pid); got != 'T' {
			t.Errorf("the process is in state %c", got)
		}
		p.fault(1, "continue")
		p.wait(state(1, "ready", 0))
		for processState(t, pid) == 'T' { // SIGCONT takes effect at once, if not in this moment
		}
		if p.pid(1) != pid {
			t.Error("it is another worker")
		}
	})
	p.sub("a timeout", func(t *testing.T) {
		p.set("#timeout", "0.6")
		p.setEvent(`{"what": "sleep", "n": 3600}`)
		p.click("#send")
		p.waitText("#detail .message", "Runtime.InvocationTimeout")
		p.waitText("#detail dl", "600 ms")
		p.set("#timeout", "")
	})
	p.sub("50 at once", func(t *testing.T) {
		before := p.count("#rows tr")
		p.setEvent(`{"what": "pid"}`)
		p.click("#send-many")
		p.waitText("#invoke-status", "50 answered.")
		p.wait(fmt.Sprintf(`document.querySelectorAll("#rows tr").length === %d`, before+50))
		p.wait(`document.querySelectorAll("#rows td.ok").length >= 50`)
	})
}

// busy waits until a slot is busy and returns it.
func (p *page) busy() int {
	p.t.Helper()
	p.wait(state(0, "busy", 0) + " || " + state(1, "busy", 0))
	if eval[bool](p, state(0, "busy", 0)) {
		return 0
	}
	return 1
}

// processState returns the state of a process, as in /proc/PID/stat.
func processState(t *testing.T, pid int) byte {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	var n int
	var name string
	var state byte
	if _, err := fmt.Sscanf(string(text), "%d %s %c", &n, &name, &state); err != nil {
		t.Fatal(err)
	}
	return state
}

// A handler that cannot be loaded is shown with its line, and the page recovers when the file is
// fixed.
func TestInitError(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "x <- 1\nlibrary(jsonlite)\nload_model <- function() stop('there is no model')\nmodel <- load_model()\nrun <- function() 1\n")
	s := begin(t, dir, "functions.run", "--watch")
	s.url = s.waitFor(`console=(http://127\.0\.0\.1:\d+)/_console`)
	p := open(s)
	p.wait(`!document.getElementById("failure").hidden`)
	p.waitText("#failure", "The handler cannot be loaded")
	p.waitText("#failure .message", "functions.R:4: there is no model")
	p.waitText("#failure .source .at", "stop('there is no model')")
	p.shoot(t.Name() + "-broken")
	p.setEvent("{}")
	p.click("#send")
	p.waitText("#detail-title", "failed")

	write(t, dir, "run <- function() 1\n")
	p.wait(state(0, "ready", 0) + ` && document.getElementById("failure").hidden`)
	p.invoke("{}")
	p.waitText("#detail .tree", "1")

	write(t, dir, "run <- function( 1\n")
	p.waitText("#failure .message", "functions.R")
	p.waitText("#failure .source .at", "run <- function( 1")
	write(t, dir, "run <- function() 2\n")
	p.wait(state(0, "ready", 0) + ` && document.getElementById("failure").hidden`)
}

func write(t *testing.T, dir, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "functions.R"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
