//go:build browser

package browser

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"lambda-r-runtime/test/kit/lambda"
)

// Nothing from an event, a log line, an error or a result becomes HTML.
func TestHostileData(t *testing.T) {
	s := serve(t, "functions.run")
	p := open(s)
	const bad = `<img src=x onerror='window.owned=1'><script>window.owned=1</script></textarea><b id=owned>`
	for _, what := range []string{"json", "echo", "log", "csv", "html"} {
		p.invoke(fmt.Sprintf(`{"what": %q, "text": %q}`, what, bad))
	}
	p.invoke(fmt.Sprintf(`{"what": "error", "n": 1, %q: 1}`, bad))
	p.waitText("#detail .message", bad)
	p.invoke(fmt.Sprintf(`{"%s": "x"}`, bad))
	p.wait(`document.querySelector("#rows tr")`)
	if eval[bool](p, `window.owned !== undefined || document.getElementById("owned") !== null || document.querySelector("img[src=x]") !== null`) {
		t.Error("text from an event became HTML")
	}
}

// A page of another origin can neither read nor act, nor show the console in a frame.
func TestForeignPage(t *testing.T) {
	s := serve(t, "functions.run")
	p := open(s)
	pid := p.pid(0)
	foreign := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><form id=f method=post enctype=text/plain action="%s/_console/invoke"><input name="{}" value=""></form>
			<iframe id=i src="%s/_console"></iframe>`, s.url, s.url)
	}))
	defer foreign.Close()
	stranger := blank(&server{Program: s.Program, t: t, url: foreign.URL}, desktop)
	stranger.stranger = true
	stranger.do(chromedp.Navigate(foreign.URL))
	for _, script := range []string{
		`fetch("%s/_console/events")`,
		`fetch("%s/_console/samples", { mode: "no-cors" })`,
		`fetch("%s/_console/invoke", { method: "POST", body: "{}", headers: { "Content-Type": "application/json" } })`,
		`fetch("%s/_console/invoke", { method: "POST", body: "{}", mode: "no-cors" })`,
		`fetch("%s/_console/fault", { method: "POST", mode: "no-cors", body: '{"slot": 0, "pid": ` + fmt.Sprint(pid) + `, "fault": "kill"}' })`,
	} {
		script = fmt.Sprintf(script, s.url)
		got := eval[string](stranger, script+`.then((r) => r.type + " " + r.ok, (e) => "failed")`)
		if got != "failed" && got != "opaque false" {
			t.Errorf("%s: %s", script, got)
		}
	}
	stranger.run(`document.getElementById("f").submit()`)
	stranger.waitText("body", "another origin")
	if got := p.pid(0); got != pid {
		t.Error("the worker was killed")
	}
	if got := p.count("#rows tr"); got != 0 {
		t.Errorf("%d invocations", got)
	}
}

// Requests with a foreign Host or Origin are refused, and so are posts that are not JSON.
func TestRequests(t *testing.T) {
	s := serve(t, "functions.run", "--http")
	host := strings.TrimPrefix(s.url, "http://")
	for _, test := range []struct {
		method, path string
		header       []string
		status       int
	}{
		{"GET", "/_console", nil, 200},
		{"GET", "/_console", []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate"}, 200},
		{"GET", "/_console", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, 403},
		{"GET", "/_console/console.js", []string{"Sec-Fetch-Site", "same-origin"}, 200},
		{"GET", "/_console/samples", []string{"Origin", "http://localhost:1"}, 403},
		{"GET", "/_console/samples", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"GET", "/_console/..%2f..%2fgo.mod", nil, 404},
		{"GET", "/_console/nothing", nil, 404},
		{"POST", "/_console", nil, 405},
		{"POST", "/_console/invoke", []string{"Content-Type", "application/json"}, 200},
		{"POST", "/_console/invoke", []string{"Content-Type", "application/json", "Origin", s.url}, 200},
		{"POST", "/_console/invoke", []string{"Content-Type", "application/json", "Origin", "http://evil.example"}, 403},
		{"POST", "/_console/invoke", []string{"Content-Type", "application/json", "Origin", "http://" + host + "0"}, 403},
		{"POST", "/_console/invoke", []string{"Content-Type", "application/json", "Origin", "https://" + host}, 403},
		{"POST", "/_console/invoke", []string{"Content-Type", "application/json", "Origin", "null"}, 403},
		{"POST", "/_console/invoke", []string{"Content-Type", "text/plain"}, 415},
		{"POST", "/_console/invoke", []string{"Content-Type", "application/x-www-form-urlencoded"}, 415},
		{"POST", "/_console/invoke", nil, 415},
		{"POST", "/_console/invoke?times=101", []string{"Content-Type", "application/json"}, 400},
		{"POST", "/_console/invoke?timeout=-1s", []string{"Content-Type", "application/json"}, 400},
		{"POST", "/_console/fault", []string{"Content-Type", "application/json"}, 400},
		{"GET", "/_consoles", nil, 200}, // the function's
	} {
		a, err := lambda.Request(t.Context(), test.method, s.url+test.path, "{}", test.header...)
		if err != nil || a.Status != test.status {
			t.Errorf("%s %s %q: status %d, %v; want %d: %s", test.method, test.path, test.header, a.Status, err, test.status, a.Body)
		}
		if test.path == "/_console" && a.Status == 200 && !strings.Contains(a.Header.Get("Content-Security-Policy"), "default-src 'none'; script-src 'self'") {
			t.Errorf("%s has the policy %q", test.path, a.Header.Get("Content-Security-Policy"))
		}
	}
	request, err := http.NewRequestWithContext(context.Background(), "GET", s.url+"/_console", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "evil.example"
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != 403 {
		t.Errorf("a foreign Host: status %d", response.StatusCode)
	}
}

// The console is at its path with --http, too, and every other path is the function's.
func TestWithHTTP(t *testing.T) {
	s := serve(t, "functions.run", "--http")
	p := open(s)
	a, err := lambda.Request(t.Context(), "GET", s.url+"/any?what=echo&text=hello", "")
	if err != nil || a.Body != "hello" {
		t.Errorf("%v, %v", a, err)
	}
	p.wait(`document.querySelectorAll("#rows tr").length === 1`)
	p.click("#rows button")
	p.waitText("#detail .answer", "Status 200")
	p.waitText("#detail .answer pre", "hello")
}

// With --snapstart, there is no console, and its path says so.
func TestSnapStartHasNone(t *testing.T) {
	s := serve(t, "functions.run", "--snapstart")
	a, err := lambda.Request(t.Context(), "GET", s.url+"/_console", "")
	if err != nil || a.Status != 404 || !strings.Contains(a.Body, "not available with --snapstart") {
		t.Errorf("%v, %v", a, err)
	}
	if strings.Contains(s.Output.String(), "_console") {
		t.Error("the banner names the console")
	}
}
