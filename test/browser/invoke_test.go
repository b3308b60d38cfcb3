//go:build browser

package browser

import (
	"encoding/json"
	"fmt"
	"image/color"
	"os/exec"
	"strings"
	"testing"

	"lambda-r-runtime/rscripts"
)

// Every source has a sample event, which the function gets unchanged.
func TestSamples(t *testing.T) {
	s := serve(t, "functions.echo")
	p := open(s)
	samples := rscripts.Samples()
	p.wait(fmt.Sprintf(`document.querySelectorAll("#sample option").length === %d`, len(samples)+1))
	sources := map[string]bool{}
	for i, sample := range samples {
		sources[sample.Source] = true
		p.run(fmt.Sprintf(`{ const s = document.getElementById("sample"); s.value = "%d"; s.dispatchEvent(new Event("change")); }`, i))
		if got := eval[string](p, `document.getElementById("event").value`); compact(t, got) != compact(t, string(sample.Event)) {
			t.Errorf("%s: the field has %s", sample.Name, got)
		}
	}
	if got := p.count("#sample optgroup"); got != len(sources) {
		t.Errorf("%d groups of samples, want %d", got, len(sources))
	}
	p.invoke(`{"Records": [{"eventSource": "aws:sqs", "body": "hello"}]}`)
	p.waitText("#detail .tree", `"hello"`)
}

func compact(t *testing.T, text string) string {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	out, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// An answer is shown as what it is.
func TestAnswers(t *testing.T) {
	p := open(serve(t, "functions.run"))
	p.sub("JSON is folded", func(t *testing.T) {
		p.invoke(`{"what": "json", "text": "x"}`)
		if closed := p.count("#detail .tree details:not([open])"); closed == 0 {
			t.Errorf("nothing is folded: %s", p.text("#detail .tree"))
		}
		p.waitText("#detail .tree", `text: "x"`)
		p.run(`[...document.querySelectorAll("#detail .tree details")].find((d) => d.innerText.startsWith("many")).open = true`)
		p.wait(`document.querySelector("#detail .tree").innerText.includes("29: 30")`)
	})
	p.sub("a picture", func(t *testing.T) {
		p.invoke(`{"what": "plot"}`)
		p.wait(`document.querySelector("#detail img.picture")?.naturalWidth === 300`)
	})
	p.sub("a page in a sandboxed frame", func(t *testing.T) {
		p.invoke(`{"what": "html", "text": "words"}`)
		p.wait(`document.querySelector("#detail iframe")`)
		if eval[string](p, `document.querySelector("#detail iframe").getAttribute("sandbox")`) != "" {
			t.Error("the frame's sandbox allows something")
		}
		if eval[bool](p, `document.querySelector("#detail iframe").contentDocument !== null`) {
			t.Error("the frame has the origin of the console")
		}
		p.waitColour("#detail iframe", color.RGBA{10, 200, 30, 255})
	})
	p.sub("CSV as a table", func(t *testing.T) {
		p.invoke(`{"what": "csv"}`)
		p.wait(`document.querySelectorAll("#detail .answer tbody tr").length === 2`)
		if got := eval[string](p, `[...document.querySelectorAll("#detail .answer th, #detail .answer td")].map((c) => c.textContent).join("|")`); got != `name|value|a, b|1|say "hi"|2` {
			t.Errorf("the table has %s", got)
		}
	})
	p.sub("text", func(t *testing.T) {
		p.invoke(`{"what": "text"}`)
		p.wait(`document.querySelector("#detail .answer pre")?.textContent === "plain <b>text</b>"`)
	})
	p.sub("a stream", func(t *testing.T) {
		p.invoke(`{"what": "stream"}`)
		p.waitText("#detail .answer pre", "a piece, another")
	})
}

// An error is shown with its R stack and the lines around the failing one.
func TestError(t *testing.T) {
	p := open(serve(t, "functions.run"))
	p.invoke(`{"what": "error", "n": 6}`)
	p.waitText("#detail .message", "simpleError in inner_call(x): no luck with 7")
	p.waitText("#detail .source .at", `stop("no luck with ", y)`)
	p.waitText("#detail .source", "y <- x")
	stack := p.text("#detail .stack")
	if inner, outer := strings.Index(stack, "inner_call(x) (functions.R:"), strings.Index(stack, "outer_call(n) (functions.R:"); inner < 0 || outer < inner {
		t.Errorf("the stack is %s", stack)
	}
	p.click("#detail .stack summary")
	p.waitText("#detail .stack .source .at", "inner_call(x)")
}

// A recent invocation can be invoked again, and its event edited.
func TestReplay(t *testing.T) {
	s := serve(t, "functions.run")
	p := open(s)
	s.invoke(`{"what":"json","text":"from curl"}`)
	p.wait(`document.querySelectorAll("#rows tr").length === 1`)
	p.click("#rows button")
	p.waitText("#detail .tree", "from curl")
	p.click("#replay")
	p.wait(chosenNumber + ` === 2`)
	p.waitText("#detail .tree", "from curl")
	p.click("#edit")
	if got := eval[string](p, `document.getElementById("event").value`); !strings.Contains(got, "from curl") {
		t.Errorf("the field has %s", got)
	}
}

// The copied command does in a shell what the form does.
func TestCurl(t *testing.T) {
	s := serve(t, "functions.run")
	p := open(s)
	p.setEvent(`{"what": "echo", "text": "it's $HOME \\ @x"}`)
	p.click("#curl")
	p.wait(`document.getElementById("curl-text").value !== ""`)
	command := eval[string](p, `document.getElementById("curl-text").value`)
	out, err := exec.Command("sh", "-c", "curl() { command curl -sS \"$@\"; }; "+command).CombinedOutput()
	if want := `"it's $HOME \\ @x"`; err != nil || string(out) != want {
		t.Errorf("%s\nanswers %s, %v; want %s", command, out, err, want)
	}
}

// An event that is not JSON is not sent, and the field says why.
func TestEventIsNotJSON(t *testing.T) {
	p := open(serve(t, "functions.run"))
	for _, text := range []string{"{", "", "{'a': 1}", "undefined", `{"a": 1,}`, "NaN"} {
		p.setEvent(text)
		for _, button := range []string{"#send", "#send-many", "#curl"} {
			p.click(button)
			p.waitText("#event-error", "The event is not JSON")
		}
		if eval[string](p, `document.getElementById("event").getAttribute("aria-invalid")`) != "true" {
			t.Errorf("%q: the field is not marked", text)
		}
	}
	p.set("#timeout", "-1")
	p.setEvent("{}")
	p.click("#send")
	p.waitText("#invoke-status", "nothing was sent")
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, url := range p.requests {
		if strings.Contains(url, "/invoke?") {
			t.Errorf("sent: %s", url)
		}
	}
}
