package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/protocol/runtimeapi"
	"lambda-r-runtime/test/kit/lambda"
)

// A renamer is a Runtime API whose request ids end in a suffix.
type renamer struct {
	api    http.Handler
	suffix string
}

func (rn *renamer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, isReport := strings.CutPrefix(r.URL.Path, runtimeapi.PathInvocation)
	if isReport && r.Method == http.MethodPost {
		id = strings.Replace(id, rn.suffix, "", 1)
		r.URL.Path = runtimeapi.PathInvocation + id
		r.SetPathValue("id", strings.Split(id, "/")[0])
	}
	rn.api.ServeHTTP(&renamed{w, rn.suffix}, r)
}

type renamed struct {
	http.ResponseWriter
	suffix string
}

func (w *renamed) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *renamed) Write(b []byte) (int, error) {
	if h := w.Header(); h.Get(runtimeapi.HeaderDeadlineMs) != "" && !strings.HasSuffix(h.Get(runtimeapi.HeaderRequestID), w.suffix) {
		h.Set(runtimeapi.HeaderRequestID, h.Get(runtimeapi.HeaderRequestID)+w.suffix)
	}
	return w.ResponseWriter.Write(b)
}

// A strange request id costs neither the invocation nor the worker.
func TestStrangeRequestID(t *testing.T) {
	for name, suffix := range map[string]string{
		"Latin-1":             "\xe9t\xe9",
		"a lone surrogate":    "\xed\xa0\x80",
		"an overlong slash":   "\xc0\xaf",
		"half a character":    "\xf0\x9f",
		"characters of four":  "\U0001F600",
		"a line separator":    "\u2028",
		"JSON":                `","type":"end`,
		"a path":              "/../%2F%00?x#y",
		"a non-character":     "\uffff",
		"ten thousand bytes":  strings.Repeat("x", 10_000),
		"a backslash, spaces": `a\u0000  b`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := lambda.Serve(t, &renamer{emulator.New(emulator.Config{Timeout: 10 * time.Second}), suffix})
			p := start(t, "", lambda.Env(url, "faults.run"))
			f := function{t, url}
			before := f.result(call("pid", `{}`))
			if got := f.result(call("echo", `{"event": "mine"}`)); got != `"mine"` {
				t.Errorf("got %s", got)
			}
			if e := f.failure(call("boom", `{}`)); e.Type != "simpleError" {
				t.Errorf("got %+v", e)
			}
			if after := f.result(call("pid", `{}`)); after != before {
				t.Errorf("worker %s answered, and %s before", after, before)
			}
			if strings.Contains(p.output(), "WRN") {
				t.Errorf("the log has a warning:\n%s", p.output())
			}
		})
	}
}
