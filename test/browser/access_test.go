//go:build browser

package browser

import (
	"fmt"
	"os"
	"testing"

	"github.com/chromedp/chromedp"
)

// axe-core finds nothing serious on a page that shows everything, in each look.
func TestAccessibility(t *testing.T) {
	axe, err := os.ReadFile("testdata/axe-core/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, "functions.run", "--concurrency", "2")
	for name, l := range map[string]look{
		"desktop-light": desktop,
		"desktop-dark":  {1280, 900, true},
		"phone-light":   {360, 740, false},
		"phone-dark":    {360, 740, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := &server{s.Program, t, s.url}
			p := openAs(s, l)
			p.wait(state(0, "ready", 0) + " && " + state(1, "ready", 0))
			p.run(string(axe))
			for _, what := range []string{"json", "csv", "plot", "html", "log", "error"} {
				p.invoke(fmt.Sprintf(`{"what": %q, "text": "words"}`, what))
				p.checkAccess(what)
				if width := eval[int](p, `document.documentElement.scrollWidth`); width > int(l.width) {
					t.Errorf("with %s the page is %d wide", what, width)
				}
			}
			p.setEvent("{")
			p.click("#send")
			p.waitText("#event-error", "not JSON")
			p.click("#slots button[data-fault=interrupt]")
			p.waitText("#fault-status", "not sent")
			p.forgive("409")
			p.checkAccess("errors")
		})
	}
}

// checkAccess fails the test for each serious finding of axe-core.
func (p *page) checkAccess(what string) {
	p.t.Helper()
	for _, finding := range eval[[]string](p, `axe.run(document, { iframes: false, resultTypes: ["violations"] }).then(({ violations }) => violations
		.filter((v) => v.impact === "serious" || v.impact === "critical")
		.flatMap((v) => v.nodes.map((node) => v.id + ": " + node.html.slice(0, 200) + " " + (node.any[0]?.message ?? node.failureSummary))))`) {
		p.t.Errorf("%s: %s", what, finding)
	}
}

// Everything can be done with the keyboard: the function is invoked, its invocation chosen, and a
// worker killed. The focus is visible and stays where it is while the page changes.
func TestKeyboard(t *testing.T) {
	s := serve(t, "functions.run")
	p := open(s)
	p.wait(state(0, "ready", 0))
	press := func(keys string) { p.do(chromedp.KeyEvent(keys)) }
	// tab continues until an element that matches has the focus.
	tab := func(selector string) {
		t.Helper()
		for range 60 {
			press("\t")
			if eval[bool](p, fmt.Sprintf(`document.activeElement.matches(%s)`, quote(selector))) {
				if outline := eval[string](p, `getComputedStyle(document.activeElement).outlineStyle`); outline == "none" {
					t.Errorf("the focus on %s is not visible", selector)
				}
				return
			}
		}
		t.Fatalf("the tabulator does not reach %s", selector)
	}
	tab(".skip")
	tab("#event")
	tab("#send")
	press("\r")
	p.waitText("#detail-title", "Invocation 1: ok")
	if !eval[bool](p, `document.activeElement.id === "send"`) {
		t.Error("the focus has moved")
	}
	tab("#detail summary")
	press("\r")
	p.wait(`!document.activeElement.parentElement.open`)
	tab("button[data-fault=kill]")
	old := p.pid(0)
	press(" ")
	p.wait(state(0, "ready", old))
	if !eval[bool](p, `document.activeElement.dataset.fault === "kill"`) {
		t.Error("the focus has moved")
	}
	tab("#rows button")
	s.invoke(`{"what": "echo"}`)
	p.wait(`document.querySelectorAll("#rows tr").length === 2`)
	if !eval[bool](p, `document.activeElement.textContent === "1"`) {
		t.Error("the focus has moved")
	}
	press("\r")
	p.waitText("#detail-title", "Invocation 1")
}
