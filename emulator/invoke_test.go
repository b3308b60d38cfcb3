package emulator_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/protocol/runtimeapi"
)

func TestRequestResponse(t *testing.T) {
	l := listen(t, emulator.Config{})
	l.startRuntime(t, 1, echo)
	for _, kind := range []string{"", "RequestResponse"} {
		got := l.invoke(t, map[string]string{"X-Amz-Invocation-Type": kind}, `{"é":1}`)
		if got.status != http.StatusOK || got.body != `{"é":1}` {
			t.Errorf("got status %d %s", got.status, got.body)
		}
		for name, want := range map[string]string{
			"Content-Type":           "application/json",
			"X-Amz-Executed-Version": "$LATEST",
			"X-Amz-Function-Error":   "",
		} {
			if value := got.header.Get(name); value != want {
				t.Errorf("%s is %q, want %q", name, value, want)
			}
		}
		if got.header.Values("X-Amz-Log-Result") != nil {
			t.Error("there is an unsolicited log tail")
		}
	}
}

func TestFunctionError(t *testing.T) {
	failure := &runtimeapi.ErrorReport{Type: "http_error", Message: "100%s é", Stack: []runtimeapi.StackFrame{{Label: "f(x)"}}}
	l := listen(t, emulator.Config{})
	l.startRuntime(t, 1, func(*runtimeapi.Invocation) ([]byte, *runtimeapi.ErrorReport) { return nil, failure })
	got := l.invoke(t, nil, "{}")
	if got.status != http.StatusOK || got.header.Get("X-Amz-Function-Error") != "Unhandled" {
		t.Errorf("got status %d, function error %q", got.status, got.header.Get("X-Amz-Function-Error"))
	}
	if got.body != string(failure.Body()) {
		t.Errorf("got %s, want %s", got.body, failure.Body())
	}
}

func TestEventRunsLater(t *testing.T) {
	l := listen(t, emulator.Config{})
	got := l.invoke(t, map[string]string{"X-Amz-Invocation-Type": "Event"}, `"later"`)
	if got.status != http.StatusAccepted || got.body != "" {
		t.Errorf("got status %d %q, want 202 without a body", got.status, got.body)
	}
	c := l.client(t)
	inv := next(t, c)
	if string(inv.Event) != `"later"` || inv.ID != got.header.Get("X-Amzn-Requestid") {
		t.Errorf("got %s of %s", inv.Event, inv.ID)
	}
	if err := c.Respond(t.Context(), inv, []byte("1")); err != nil {
		t.Error(err)
	}
}

func TestDryRunRunsNothing(t *testing.T) {
	l := listen(t, emulator.Config{})
	got := l.invoke(t, map[string]string{"X-Amz-Invocation-Type": "DryRun"}, `"dry"`)
	if got.status != http.StatusNoContent || got.body != "" {
		t.Errorf("got status %d %q, want 204 without a body", got.status, got.body)
	}
	event(t, l.Emulator, `"wet"`)
	if inv := next(t, l.client(t)); string(inv.Event) != `"wet"` {
		t.Errorf("the runtime got %s", inv.Event)
	}
}

func TestBadRequests(t *testing.T) {
	encode := base64.StdEncoding.EncodeToString
	l := listen(t, emulator.Config{})
	for _, test := range []struct{ header, value, exception string }{
		{"X-Amz-Invocation-Type", "Whatever", "InvalidParameterValueException"},
		{"X-Amz-Invocation-Type", "event", "InvalidParameterValueException"},
		{"X-Amz-Client-Context", "not base64!", "InvalidRequestContentException"},
		{"X-Amz-Client-Context", encode([]byte(`{"no JSON`)), "InvalidRequestContentException"},
		{"X-Amz-Client-Context", encode([]byte(`"` + strings.Repeat("x", 3600) + `"`)), "InvalidRequestContentException"},
	} {
		got := l.invoke(t, map[string]string{test.header: test.value}, "{}")
		checkException(t, got, http.StatusBadRequest, test.exception)
		if !strings.Contains(got.body, test.header) {
			t.Errorf("%s does not name %s", got.body, test.header)
		}
	}
}

func TestBrokenRequestIsRefused(t *testing.T) {
	l := listen(t, emulator.Config{})
	conn := dial(t, l.server)
	_, err := io.WriteString(conn, "POST "+invocations+" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nno length\r\n")
	if err != nil {
		t.Fatal(err)
	}
	if status := readStatus(t, conn); status != http.StatusBadRequest {
		t.Errorf("a body that cannot be read got status %d, want 400", status)
	}
}

func TestClientContextIsHandedOn(t *testing.T) {
	for given, want := range map[string]string{
		"":                             "",
		`{"custom":{"a":"é"}}`:         `{"custom":{"a":"é"}}`,
		"{\r\n \"custom\":\n {}\r\n}":  "{   \"custom\":  {}  }",
		`{"custom":{"a":"x\r\nX: y"}}`: `{"custom":{"a":"x\r\nX: y"}}`,
	} {
		l := listen(t, emulator.Config{})
		done := l.invokeAsync(t, map[string]string{"X-Amz-Client-Context": base64.StdEncoding.EncodeToString([]byte(given))}, "{}")
		c := l.client(t)
		inv := next(t, c)
		if inv.ClientContext != want {
			t.Errorf("%q became %q", given, inv.ClientContext)
		}
		if err := c.Respond(t.Context(), inv, []byte("1")); err != nil {
			t.Error(err)
		}
		receive(t, done)
	}
}

func TestFunctionNames(t *testing.T) {
	l := listen(t, emulator.Config{})
	c := l.client(t)
	for _, name := range []string{
		"my-function",
		"my-function:v1",
		"my-function:$LATEST",
		"123456789012:function:my-function",
		"123456789012:function:my-function:v1",
		"arn:aws:lambda:eu-west-1:123456789012:function:my-function",
		"arn:aws:lambda:eu-west-1:123456789012:function:my-function:v1",
		"arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Amy-function",
	} {
		done := l.postAsync(t, "/2015-03-31/functions/"+name+"/invocations", nil, strings.NewReader("{}"))
		inv := next(t, c)
		if want := "arn:aws:lambda:us-east-1:012345678912:function:my-function"; inv.FunctionARN != want {
			t.Errorf("%s became %s", name, inv.FunctionARN)
		}
		if err := c.Respond(t.Context(), inv, []byte("1")); err != nil {
			t.Error(err)
		}
		receive(t, done)
	}
}

// A control character in the name would break the header of /next that has it, and with it the
// poll of the runtime.
func TestInvalidFunctionNames(t *testing.T) {
	l := listen(t, emulator.Config{})
	for _, name := range []string{"%07", "a%0D%0AX:y", "%C3%A9", "a%20b", ":v1", "a.b"} {
		answer := receive(t, l.postAsync(t, "/2015-03-31/functions/"+name+"/invocations", nil, strings.NewReader("{}")))
		checkException(t, answer, http.StatusBadRequest, "ValidationException")
	}
}

func TestTraceID(t *testing.T) {
	l := listen(t, emulator.Config{})
	c := l.client(t)
	madeUp := regexp.MustCompile(`^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$`)
	for _, given := range []string{"", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1"} {
		done := l.invokeAsync(t, map[string]string{"X-Amzn-Trace-Id": given}, "{}")
		inv := next(t, c)
		if given != "" && inv.TraceID != given || given == "" && !madeUp.MatchString(inv.TraceID) {
			t.Errorf("%q became %q", given, inv.TraceID)
		}
		if err := c.Respond(t.Context(), inv, []byte("1")); err != nil {
			t.Error(err)
		}
		receive(t, done)
	}
}

func TestContentTypeIsHandedOn(t *testing.T) {
	for given, want := range map[string]string{
		"":                                  "application/json",
		"application/json":                  "application/json",
		"text/plain":                        "text/plain",
		"application/x-www-form-urlencoded": "application/json", // curl -d
	} {
		e := emulator.New(emulator.Config{})
		header := map[string]string{"X-Amz-Invocation-Type": "Event", "Content-Type": given}
		call(t.Context(), e, http.MethodPost, invocations, header, "{}")
		got := call(t.Context(), e, http.MethodGet, runtimeapi.PathNext, nil, "")
		if got := got.Header().Get("Content-Type"); got != want {
			t.Errorf("%q became %q, want %q", given, got, want)
		}
	}
}

func TestPayloadLimit(t *testing.T) {
	const limit = 6 << 20
	l := listen(t, emulator.Config{})
	l.startRuntime(t, 1, func(inv *runtimeapi.Invocation) ([]byte, *runtimeapi.ErrorReport) {
		return fmt.Append(nil, len(inv.Event)), nil
	})
	for name, body := range map[string]func(size int) io.Reader{
		"Content-Length": func(size int) io.Reader { return strings.NewReader(strings.Repeat("1", size)) },
		// net/http does not know the length of this one.
		"chunked": func(size int) io.Reader { return io.MultiReader(strings.NewReader(strings.Repeat("1", size))) },
	} {
		t.Run(name, func(t *testing.T) {
			got := l.post(t, invocations, nil, body(limit))
			if got.status != http.StatusOK || got.body != fmt.Sprint(limit) {
				t.Errorf("%d bytes: got status %d %s", limit, got.status, got.body)
			}
			got = l.post(t, invocations, nil, body(limit+1))
			checkException(t, got, http.StatusRequestEntityTooLarge, "RequestTooLargeException")
			got = l.post(t, invocations, nil, body(4*limit))
			checkException(t, got, http.StatusRequestEntityTooLarge, "RequestTooLargeException")
		})
	}
}

// An asynchronous invocation is limited to 1 MB: Lambda keeps its event in a queue.
func TestPayloadLimitOfAsynchronousInvocations(t *testing.T) {
	const limit = 1 << 20
	l := listen(t, emulator.Config{})
	for name, body := range map[string]func(size int) io.Reader{
		"Content-Length": func(size int) io.Reader { return strings.NewReader(strings.Repeat("1", size)) },
		"chunked":        func(size int) io.Reader { return io.MultiReader(strings.NewReader(strings.Repeat("1", size))) },
	} {
		t.Run(name, func(t *testing.T) {
			header := map[string]string{"X-Amz-Invocation-Type": "Event"}
			if got := l.post(t, invocations, header, body(limit)); got.status != http.StatusAccepted {
				t.Errorf("%d bytes: got status %d %s", limit, got.status, got.body)
			}
			got := l.post(t, invocations, header, body(limit+1))
			checkException(t, got, http.StatusRequestEntityTooLarge, "RequestTooLargeException")
			if want := "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)"; !strings.Contains(got.body, want) {
				t.Errorf("got %s, want %s", got.body, want)
			}
			got = l.post(t, invocations, header, body(7*limit))
			checkException(t, got, http.StatusRequestEntityTooLarge, "RequestTooLargeException")
		})
	}
}

func TestUnknownPaths(t *testing.T) {
	l := listen(t, emulator.Config{})
	for _, path := range []string{"/", "/2015-03-31/functions", "/2018-06-01/runtime/invocation/id/unknown", "/favicon.ico"} {
		got := l.post(t, path, nil, nil)
		checkException(t, got, http.StatusNotFound, "ResourceNotFoundException")
		if !strings.Contains(got.body, "/2015-03-31/functions/function/invocations") || !strings.Contains(got.body, path) {
			t.Errorf("%s: got %s", path, got.body)
		}
	}
	got := call(t.Context(), l.Emulator, http.MethodGet, invocations, nil, "")
	if got.Code != http.StatusNotFound && got.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET %s: got status %d", invocations, got.Code)
	}
}
