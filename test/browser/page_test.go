//go:build browser

package browser

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// A page is a tab with the console.
type page struct {
	t   *testing.T
	ctx context.Context
	url string // of the server

	stranger bool // it may request what it likes

	mu       sync.Mutex
	problems []string
	requests []string // URLs
}

// A look is how a page is shown.
type look struct {
	width, height int64
	dark          bool
}

var desktop = look{width: 1280, height: 900}

// open opens the console in a browser profile of its own, and waits until it is connected.
func open(s *server) *page { return openAs(s, desktop) }

func openAs(s *server, l look) *page {
	s.t.Helper()
	p := blank(s, l)
	p.do(chromedp.Navigate(s.url + "/_console"))
	p.wait(`document.getElementById("connection").textContent === "live" && document.getElementById("facts").textContent !== ""`)
	return p
}

// blank opens an empty tab that is watched: when the test ends, no request may have gone elsewhere,
// and nothing may have been reported to the browser's console.
func blank(s *server, l look) *page {
	s.t.Helper()
	p := &page{t: s.t, url: s.url}
	ctx, end := chromedp.NewContext(chromium, chromedp.WithNewBrowserContext(), chromedp.WithListener(p.listen))
	p.ctx = ctx
	if err := chromedp.Do(ctx); err != nil { // makes the tab, which lives as long as ctx
		s.t.Fatal(err)
	}
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	call(p, network.Enable, network.EnableParams{})
	call(p, cdplog.Enable, cdp.Empty{})
	call(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: l.width, Height: l.height, DeviceScaleFactor: 1})
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	s.t.Cleanup(func() {
		p.shoot(strings.ReplaceAll(s.t.Name(), "/", "-"))
		end()
		if p.stranger {
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, problem := range p.problems {
			s.t.Error(problem)
		}
		for _, url := range p.requests {
			if !strings.HasPrefix(url, s.url+"/") && !strings.HasPrefix(url, "data:") && !strings.HasPrefix(url, "blob:"+s.url) {
				s.t.Errorf("the page requested %.200q", url)
			}
		}
	})
	return p
}

func (p *page) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, e.Request.URL)
	case *runtime.EventExceptionThrown:
		p.problems = append(p.problems, fmt.Sprintf("exception: %s %+v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == cdplog.EntryLevelError || e.Entry.Source == cdplog.EntrySourceSecurity {
			p.problems = append(p.problems, fmt.Sprintf("the browser reported: %s (%s)", e.Entry.Text, e.Entry.URL))
		}
	}
}

// forgive removes the reports that contain text, and fails if there is none.
func (p *page) forgive(text string) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	var left []string
	for _, problem := range p.problems {
		if !strings.Contains(problem, text) {
			left = append(left, problem)
		}
	}
	if len(left) == len(p.problems) {
		p.t.Errorf("the browser did not report %q, but %q", text, p.problems)
	}
	p.problems = left
}

// call calls a method of the browser's protocol.
func call[P, R any](p *page, c cdp.Command[P, R], params P) R {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	result, err := chromedp.Call(ctx, c, params)
	if err != nil {
		p.t.Fatalf("%s: %v", c.Method, err)
	}
	return result
}

// do runs actions, which must succeed.
func (p *page) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.t.Fatalf("%v; the page shows:\n%s", err, p.text("body"))
	}
}

// wait waits until a JavaScript condition is true.
func (p *page) wait(condition string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	// The page's policy forbids eval, so the condition is part of the script.
	script := `new Promise((resolve) => { const check = () => { if (` + condition + `) resolve(true); else setTimeout(check, 10); }; check(); })`
	_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](script, chromedp.EvalAwaitPromise))
	for err != nil && strings.Contains(err.Error(), "navigated") { // and the condition is about the next page
		_, err = chromedp.Run(ctx, chromedp.Evaluate[bool](script, chromedp.EvalAwaitPromise))
	}
	if err != nil {
		p.t.Fatalf("%v while it waited for %s; the page shows:\n%s", err, condition, p.text("body"))
	}
}

// waitText waits until the text of an element contains some.
func (p *page) waitText(selector, text string) {
	p.t.Helper()
	p.wait(fmt.Sprintf(`document.querySelector(%s)?.textContent.includes(%s)`, quote(selector), quote(text)))
}

// eval evaluates JavaScript and returns its value.
func eval[T any](p *page, script string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%v in %s; the page shows:\n%s", err, script, p.text("body"))
	}
	return value
}

// run evaluates JavaScript for what it does.
func (p *page) run(script string) {
	p.t.Helper()
	p.do(chromedp.Evaluate[chromedp.Void](script))
}

// text returns what an element shows.
func (p *page) text(selector string) string {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](fmt.Sprintf(`document.querySelector(%s)?.innerText ?? ""`, quote(selector))))
	if err != nil {
		return err.Error()
	}
	return text
}

func (p *page) count(selector string) int {
	p.t.Helper()
	return eval[int](p, fmt.Sprintf(`document.querySelectorAll(%s).length`, quote(selector)))
}

// click clicks on an element as a mouse does. Nothing may cover it.
func (p *page) click(selector string) {
	p.t.Helper()
	p.wait(fmt.Sprintf(`document.querySelector(%s)`, quote(selector)))
	at := eval[[]float64](p, fmt.Sprintf(`(() => {
		const node = document.querySelector(%s);
		node.scrollIntoView({ block: "center" });
		const box = node.getBoundingClientRect();
		const at = [box.x + box.width / 2, box.y + box.height / 2];
		return node.contains(document.elementFromPoint(...at)) ? at : [];
	})()`, quote(selector)))
	if len(at) == 0 {
		p.t.Fatalf("%s is covered or not visible", selector)
	}
	p.do(chromedp.MouseClickXY(at[0], at[1]))
}

// setEvent replaces the event in the form, as typing does.
func (p *page) setEvent(text string) { p.set("#event", text) }

func (p *page) set(selector, text string) {
	p.t.Helper()
	p.run(fmt.Sprintf(`document.querySelector(%s).select()`, quote(selector)))
	if text == "" {
		p.do(chromedp.KeyEvent("\b"))
		return
	}
	call(p, input.InsertText, input.InsertTextParams{Text: text})
}

// invoke invokes the function with the form, and waits until the page shows the answer. It returns
// the number of the invocation.
func (p *page) invoke(event string) int {
	p.t.Helper()
	before := eval[int](p, chosenNumber)
	p.setEvent(event)
	p.click("#send")
	p.wait(fmt.Sprintf(`%s > %d && /: (ok|failed)$/.test(document.getElementById("detail-title").textContent)`, chosenNumber, before))
	return eval[int](p, chosenNumber)
}

// chosenNumber is the number of the invocation that is shown, or 0.
const chosenNumber = `Number(/^Invocation (\d+)/.exec(document.getElementById("detail-title").textContent)?.[1] ?? 0)`

// shoot writes a screenshot of the whole page.
func (p *page) shoot(name string) {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(shots, name+".png"), picture, 0o644)
	}
	if err != nil {
		p.t.Errorf("screenshot: %v", err)
	}
}

func quote(text string) string {
	out, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string cannot fail
	}
	return string(out)
}

// sub runs a part of the page's test.
func (p *page) sub(name string, test func(t *testing.T)) {
	p.t.Helper()
	whole := p.t
	defer func() { p.t = whole }()
	whole.Run(name, func(t *testing.T) {
		p.t = t
		test(t)
		p.shoot(strings.ReplaceAll(t.Name(), "/", "-"))
	})
}

// waitColour waits until an element has this colour in its middle, as it is painted.
func (p *page) waitColour(selector string, want color.RGBA) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	var got color.Color
	for got != want {
		shot, err := chromedp.Run(ctx, chromedp.Screenshot(chromedp.CSS(selector)))
		if err != nil && ctx.Err() == nil {
			continue // the page has redrawn the element
		}
		if err != nil {
			p.t.Fatalf("%s has the colour %v, want %v: %v", selector, got, want, err)
		}
		picture, err := png.Decode(bytes.NewReader(shot))
		if err != nil {
			p.t.Fatal(err)
		}
		size := picture.Bounds().Size()
		got = color.RGBAModel.Convert(picture.At(size.X/2, size.Y/2))
	}
}
