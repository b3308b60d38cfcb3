package emulator_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/emulator/front"
	"lambda-r-runtime/protocol/runtimeapi"
)

// The request becomes an event, and the result an HTTP response.
func TestHTTP(t *testing.T) {
	l := listen(t, emulator.Config{HTTP: front.FunctionURL})
	l.startRuntime(t, 1, func(inv *runtimeapi.Invocation) ([]byte, *runtimeapi.ErrorReport) {
		event := decode[events.LambdaFunctionURLRequest](t, string(inv.Event))
		if event.RequestContext.RequestID != inv.ID || !strings.HasPrefix(inv.TraceID, event.Headers["x-amzn-trace-id"]+";Parent=") {
			t.Errorf("the event has id %s and trace %q, the invocation %s and %q",
				event.RequestContext.RequestID, event.Headers["x-amzn-trace-id"], inv.ID, inv.TraceID)
		}
		return []byte(`{"statusCode":201,"headers":{"X-Method":"` + event.RequestContext.HTTP.Method + `"},"body":"` + event.Body + `"}`), nil
	})
	got := l.post(t, "/path", map[string]string{"Content-Type": "text/plain"}, strings.NewReader("text"))
	if got.status != 201 || got.body != "text" || got.header.Get("X-Method") != "POST" || got.header.Get("X-Amzn-Requestid") == "" {
		t.Errorf("got %+v", got)
	}
}

// The event has the caller's trace, and a Content-Length even if the body was chunked.
func TestHeadersOfAnHTTPEvent(t *testing.T) {
	l := listen(t, emulator.Config{HTTP: front.FunctionURL})
	l.startRuntime(t, 1, func(inv *runtimeapi.Invocation) ([]byte, *runtimeapi.ErrorReport) {
		if inv.TraceID != "Root=1-2-3" {
			t.Errorf("the trace id is %q", inv.TraceID)
		}
		return inv.Event, nil
	})
	got := l.post(t, "/", map[string]string{"X-Amzn-Trace-Id": "Root=1-2-3"}, io.MultiReader(strings.NewReader("chunked")))
	headers := decode[events.LambdaFunctionURLRequest](t, got.body).Headers
	if headers["content-length"] != "7" || headers["transfer-encoding"] != "" || headers["x-amzn-trace-id"] != "Root=1-2-3" {
		t.Errorf("got %v", headers)
	}
}

// Every path outside the APIs reaches the function, and none is redirected.
func TestPathsOfTheFunction(t *testing.T) {
	l := listen(t, emulator.Config{HTTP: front.FunctionURL})
	l.startRuntime(t, 1, func(inv *runtimeapi.Invocation) ([]byte, *runtimeapi.ErrorReport) {
		if string(inv.Event) == "1" {
			return []byte("2"), nil
		}
		event := decode[events.LambdaFunctionURLRequest](t, string(inv.Event))
		return []byte(`"` + event.RawPath + `"`), nil
	})
	for _, path := range []string{"/", "//a", "/a/../b", "/a/", "/2015-03-31", "/favicon.ico"} {
		if got := l.post(t, path, nil, nil); got.status != http.StatusOK || got.body != `"`+path+`"` {
			t.Errorf("%s: got %d %s", path, got.status, got.body)
		}
	}
	if got := l.invoke(t, nil, "1"); got.body != "2" {
		t.Errorf("the Invoke API gives %s", got.body)
	}
	got := l.post(t, "/2018-06-01/runtime/nothing", nil, nil)
	checkException(t, got, http.StatusNotFound, "ResourceNotFoundException")
}

func TestNoHTTPUnlessAskedFor(t *testing.T) {
	got := listen(t, emulator.Config{}).post(t, "/plot", nil, nil)
	checkException(t, got, http.StatusNotFound, "ResourceNotFoundException")
	if !strings.Contains(got.body, "--http") {
		t.Errorf("no hint: %s", got.body)
	}
}

// Without a valid answer of the function, the caller gets the error of the front.
func TestHTTPRefusals(t *testing.T) {
	for format, body := range map[front.Format][]string{
		front.FunctionURL:  {"Request Too Long", "Internal Server Error", "Too Many Requests"},
		front.RESTAPI:      {`{"message":"Request Too Long"}`, `{"message":"Internal server error"}`, `{"message":"Too Many Requests"}`},
		front.LoadBalancer: {"Request Too Long", "Internal Server Error", "Too Many Requests"},
	} {
		check := func(got result, status int, body string) {
			t.Helper()
			if got.status != status || got.body != body {
				t.Errorf("%s: got %d %s, want %d %s", format, got.status, got.body, status, body)
			}
		}
		l := listen(t, emulator.Config{HTTP: format, Limit: 1})
		check(l.post(t, "/", nil, strings.NewReader(strings.Repeat("x", 6<<20+1))), http.StatusRequestEntityTooLarge, body[0])
		// In base64 this body exceeds the limit.
		check(l.post(t, "/", nil, strings.NewReader(strings.Repeat("\xff", 5<<20))), http.StatusRequestEntityTooLarge, body[0])
		c := l.client(t)
		failed := l.postAsync(t, "/", nil, nil)
		if err := c.InvocationError(t.Context(), next(t, c), &runtimeapi.ErrorReport{Type: "e", Message: "secret"}); err != nil {
			t.Fatal(err)
		}
		check(receive(t, failed), http.StatusBadGateway, body[1])
		event(t, l.Emulator, "1")
		check(l.post(t, "/", nil, nil), http.StatusTooManyRequests, body[2])

		l = listen(t, emulator.Config{HTTP: format, Timeout: 100 * time.Millisecond})
		late := l.postAsync(t, "/", nil, nil)
		next(t, l.client(t))
		check(receive(t, late), http.StatusBadGateway, body[1])
	}
}

// A result that is not an HTTP response costs the caller a 502. The log has the reason on one line.
func TestInvalidHTTPResult(t *testing.T) {
	for _, row := range []struct {
		format      front.Format
		result, why string
	}{
		{front.FunctionURL, `{"statusCode": 99}`, `statusCode is "99": want a number from 200 to 599`},
		{front.FunctionURL, `{"statusCode": 200, "headers": {"A": "1\r\nSet-Cookie: x"}}`, `control character in its value "1\r\nSet-Cookie: x"`},
		{front.RESTAPI, `{"parity":"odd\n"}`, `it has a key "parity"`},
		{front.LoadBalancer, "[\n1]", "it has no statusCode"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var log logBuffer
			e := emulator.New(emulator.Config{HTTP: row.format, Log: &log})
			caller := callAsync(t.Context(), e, http.MethodGet, "/", nil, "")
			id, _ := poll(t, e)
			respond(t, e, id, row.result)
			w := <-caller
			if w.Code != http.StatusBadGateway || !strings.Contains(strings.ToLower(w.Body.String()), "internal server error") ||
				w.Header().Get("X-Amzn-Requestid") != id {
				t.Errorf("%s %s: got %d %v %q", row.format, row.result, w.Code, w.Header(), w.Body)
			}
			_, line, ok := strings.Cut(log.String(), id+" the result is not an HTTP response: ")
			if !ok || !strings.Contains(line, row.why) || strings.Count(line, "\n") != 1 {
				t.Errorf("%s %s: the log does not contain %q on a line:\n%s", row.format, row.result, row.why, &log)
			}
		})
	}
}

// decode decodes JSON.
func decode[T any](t *testing.T, text string) (value T) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Error(err)
	}
	return value
}
