//go:build browser

package browser

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"lambda-r-runtime/test/kit/lambda"
)

// The page shows what other clients do while it happens. A page that is away catches up, and asks for
// what it lacks only.
func TestLive(t *testing.T) {
	s := serve(t, "functions.run")
	p := open(s)
	s.invoke(`{"what": "echo", "text": "first"}`)
	p.wait(`document.querySelectorAll("#rows tr").length === 1`)

	p.run(`Object.defineProperty(document, "hidden", { value: true, configurable: true }); document.dispatchEvent(new Event("visibilitychange"))`)
	for range 3 {
		s.invoke(`{"what": "echo", "text": "while it is away"}`)
	}
	if got := p.count("#rows tr"); got != 1 {
		t.Errorf("a hidden page has %d rows", got)
	}
	p.run(`Object.defineProperty(document, "hidden", { value: false, configurable: true }); document.dispatchEvent(new Event("visibilitychange"))`)
	p.wait(`document.querySelectorAll("#rows tr").length === 4`)
	p.mu.Lock()
	defer p.mu.Unlock()
	last := ""
	for _, url := range p.requests {
		if strings.Contains(url, "/events") {
			last = url
		}
	}
	if !strings.Contains(last, "?after=") {
		t.Errorf("it has asked for %s", last)
	}
}

// When bootstrap ends, the page says so; when it is back, the page shows the new one.
func TestRestart(t *testing.T) {
	first := serve(t, "functions.run")
	p := open(first)
	first.invoke(`{"what": "echo"}`)
	p.wait(`document.querySelectorAll("#rows tr").length === 1`)
	if err := first.Stop(2, patience); err != nil {
		t.Fatal(err)
	}
	p.waitText("#connection", "lost")
	serveIn(t, "testdata", "functions.echo", "--addr", strings.TrimPrefix(first.url, "http://"))
	p.wait(`document.getElementById("connection").textContent === "live" && document.getElementById("handler").textContent === "functions.echo"`)
	p.wait(`document.querySelectorAll("#rows tr").length === 0`)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problems = nil // the browser reports the lost connection in several ways
}

// Two consoles and ten thousand invocations: the memory of bootstrap and of the pages is bounded, and
// a browser that leaves in the middle leaves nothing behind.
func TestManyInvocations(t *testing.T) {
	s := serve(t, "functions.echo", "--concurrency", "2", "--timeout", "60s")
	one, two := open(s), openAs(s, look{width: 360, height: 740})
	leaver := open(s)
	event := fmt.Sprintf(`{"what": "echo", "text": %q}`, strings.Repeat("x", 10_000))
	many := func(n int) {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range n / 4 {
					a, err := lambda.Request(t.Context(), "POST", s.url+lambda.InvokePath, event)
					if err != nil || a.Status != 200 {
						t.Errorf("%v, %v", a, err)
						return
					}
				}
			})
		}
		all.Wait()
	}
	many(5000) // what is kept is full
	leaver.run(`location = "about:blank"`)
	for _, p := range []*page{one, two} {
		p.wait(`document.getElementById("invocations-note").textContent === "1000 kept, the latest 200 are shown."`)
	}
	before, nodes := residentMemory(t, s.Cmd.Process.Pid), one.count("*")
	many(5000)
	for _, p := range []*page{one, two} {
		p.wait(`document.querySelector("#rows tr button").textContent === "10000"`)
		if got := p.count("#rows tr"); got != 200 {
			t.Errorf("%d rows", got)
		}
		if got := p.count("*"); float64(got) > 1.5*float64(nodes)+500 {
			t.Errorf("the page has %d elements, after half of the invocations it had %d", got, nodes)
		}
	}
	if after := residentMemory(t, s.Cmd.Process.Pid); after > before+before/2 {
		t.Errorf("bootstrap uses %d MB, after half of the invocations it used %d MB", after>>20, before>>20)
	}
	if got := one.count(".lane .busy"); got > 1000 {
		t.Errorf("%d invocations in the timeline", got)
	}
}

// residentMemory returns the resident memory of a process, in bytes.
func residentMemory(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	var size, resident int
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		t.Fatal(err)
	}
	return resident * os.Getpagesize()
}
