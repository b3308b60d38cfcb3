package emulator_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/protocol/runtimeapi"
)

var update = flag.Bool("update", false, "write the events that the tests see to testdata")

// eventOf returns the event that a request becomes. The time in it is that of a
// synctest bubble, and what is random is replaced.
func eventOf(t *testing.T, format emulator.HTTPFormat, r *http.Request) (event string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e := emulator.New(emulator.Config{HTTP: format})
		done := make(chan struct{})
		go func() { // waited for below
			e.ServeHTTP(httptest.NewRecorder(), r)
			close(done)
		}()
		id, w := poll(t, e)
		respond(t, e, id, "{}")
		<-done
		event = strings.ReplaceAll(w.Body.String(), id, "ID")
	})
	return regexp.MustCompile(`Root=1-[0-9a-f]{8}-[0-9a-f]{24}`).ReplaceAllString(event, "TRACE")
}

// checkGolden compares an event with a file of testdata.
func checkGolden(t *testing.T, name, event string) {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(event), "", "  "); err != nil {
		t.Fatal(err)
	}
	b.WriteByte('\n')
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("the event is\n%s\nwant that of %s", b.String(), path)
	}
}

// decode reads an event as AWS's Go library does.
func decode[T any](t *testing.T, event string) (to T) {
	t.Helper()
	if err := json.Unmarshal([]byte(event), &to); err != nil {
		t.Fatal(err)
	}
	return to
}

// fullRequest has one of everything.
func fullRequest() *http.Request {
	r := httptest.NewRequest("POST", "http://api.example.com:9000/a%2Fb%20c//d?n=50&n=%C3%A9+x&flag&bad=%zz&m=%26%3D", strings.NewReader(`{"ä": "<&>"}`))
	r.RemoteAddr = "192.0.2.7:4711"
	r.Header = http.Header{
		"Accept":          {"text/html", "image/*"},
		"Connection":      {"keep-alive"},
		"Content-Type":    {"application/json; charset=utf-8"},
		"Cookie":          {"a=1; b=2", "c=3"},
		"User-Agent":      {"agent"},
		"X-Forwarded-For": {"198.51.100.1"},
	}
	return r
}

func emptyRequest() *http.Request {
	r := httptest.NewRequest("GET", "http://localhost/", nil)
	r.RemoteAddr = "[2001:db8::1]:4711"
	return r
}

func TestURLEvent(t *testing.T) {
	event := eventOf(t, emulator.FunctionURL, fullRequest())
	checkGolden(t, "url-full.json", event)
	got := decode[events.APIGatewayV2HTTPRequest](t, event)
	if got.Version != "2.0" || got.RouteKey != "$default" || got.RequestContext.Stage != "$default" || got.RequestContext.HTTP.Method != "POST" {
		t.Errorf("got %+v", got)
	}
	event = eventOf(t, emulator.FunctionURL, emptyRequest())
	checkGolden(t, "url-empty.json", event)
	if got := decode[events.LambdaFunctionURLRequest](t, event); got.RequestContext.HTTP.SourceIP != "2001:db8::1" {
		t.Errorf("got %+v", got)
	}
}

func TestRepeatedKeysOfTheURL(t *testing.T) {
	const n = 80_000
	started := time.Now()
	event := eventOf(t, emulator.FunctionURL, httptest.NewRequest("GET", "/?"+strings.Repeat("&a=b", n), nil))
	got := decode[events.LambdaFunctionURLRequest](t, event)
	if want := strings.Repeat(",b", n)[1:]; got.QueryStringParameters["a"] != want {
		t.Errorf("the values are joined to %d bytes, want %d", len(got.QueryStringParameters["a"]), len(want))
	}
	// Joined one by one they take longer than that.
	if took := time.Since(started); took > 3*time.Second {
		t.Errorf("that took %v", took)
	}
}

func TestRESTEvent(t *testing.T) {
	event := eventOf(t, emulator.RESTAPI, fullRequest())
	checkGolden(t, "rest-full.json", event)
	got := decode[events.APIGatewayProxyRequest](t, event)
	if got.Resource != "/{proxy+}" || got.PathParameters["proxy"] != "a/b c//d" || got.QueryStringParameters["n"] != "é x" ||
		len(got.MultiValueHeaders["Accept"]) != 2 || got.RequestContext.Identity.SourceIP != "192.0.2.7" {
		t.Errorf("got %+v", got)
	}
	event = eventOf(t, emulator.RESTAPI, emptyRequest())
	checkGolden(t, "rest-empty.json", event)
	if got := decode[events.APIGatewayProxyRequest](t, event); got.PathParameters != nil || got.Resource != "/" {
		t.Errorf("got %+v", got)
	}
}

func TestALBEvent(t *testing.T) {
	event := eventOf(t, emulator.LoadBalancer, fullRequest())
	checkGolden(t, "alb-full.json", event)
	if got := decode[events.ALBTargetGroupRequest](t, event); got.QueryStringParameters["n"] != "%C3%A9+x" {
		t.Errorf("got %+v", got)
	}
	checkGolden(t, "alb-empty.json", eventOf(t, emulator.LoadBalancer, emptyRequest()))
}

// Which bodies come as they are, and which in base64.
func TestBodyOfTheEvent(t *testing.T) {
	for _, row := range []struct {
		contentType, encoding, body string
		base64                      string // the formats that encode it
	}{
		{"text/plain", "", "aé", ""},
		{"TEXT/CSV; charset=utf-8", "", "aé", ""},
		{"application/json", "", `{"a": 1}`, ""},
		{"application/xml", "", "<a/>", ""},
		{"application/javascript", "", "1", ""},
		{"application/problem+json", "", "{}", "url alb"},
		{"application/x-www-form-urlencoded", "", "a=1", "url alb"},
		{"image/png", "", "ascii", "url alb"},
		{"", "", "a", "url alb"},
		{"no/such/type", "", "a", "url alb"},
		{"text/plain", "gzip", "a", "alb"},
		{"text/plain", "", "\xff", "url rest alb"},
		{"application/octet-stream", "", "\x00\xfe", "url rest alb"},
		{"image/png", "", "", ""},
	} {
		for _, format := range []emulator.HTTPFormat{emulator.FunctionURL, emulator.RESTAPI, emulator.LoadBalancer} {
			r := httptest.NewRequest("POST", "/", strings.NewReader(row.body))
			r.Header.Set("Content-Type", row.contentType)
			if row.encoding != "" {
				r.Header.Set("Content-Encoding", row.encoding)
			}
			var got struct {
				Body            *string
				IsBase64Encoded bool
			}
			if err := json.Unmarshal([]byte(eventOf(t, format, r)), &got); err != nil {
				t.Fatal(err)
			}
			want := strings.Contains(row.base64, string(format))
			if got.IsBase64Encoded != want {
				t.Errorf("%s, %+v: base64 is %v", format, row, got.IsBase64Encoded)
			}
			switch {
			case row.body == "" && format != emulator.LoadBalancer:
				if got.Body != nil {
					t.Errorf("%s, %+v: the body is %q", format, row, *got.Body)
				}
			case got.Body == nil || !want && *got.Body != row.body:
				t.Errorf("%s, %+v: the body is not as it was", format, row)
			}
		}
	}
}

// The caller's trace goes to the function, and a length is there even where the caller
// did not know it.
func TestHeadersOfTheEvent(t *testing.T) {
	l := listen(t, emulator.Config{HTTP: emulator.FunctionURL})
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

// Paths are the function's unless they are the emulator's, and none is redirected.
func TestPathsOfTheFunction(t *testing.T) {
	l := listen(t, emulator.Config{HTTP: emulator.FunctionURL})
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

// What the caller gets where there is no answer of the function.
func TestHTTPRefusals(t *testing.T) {
	for format, body := range map[emulator.HTTPFormat][]string{
		emulator.FunctionURL:  {"Request Too Long", "Internal Server Error", "Too Many Requests"},
		emulator.RESTAPI:      {`{"message":"Request Too Long"}`, `{"message":"Internal server error"}`, `{"message":"Too Many Requests"}`},
		emulator.LoadBalancer: {"Request Too Long", "Internal Server Error", "Too Many Requests"},
	} {
		check := func(got result, status int, body string) {
			t.Helper()
			if got.status != status || got.body != body {
				t.Errorf("%s: got %d %s, want %d %s", format, got.status, got.body, status, body)
			}
		}
		l := listen(t, emulator.Config{HTTP: format, Queue: 1})
		check(l.post(t, "/", nil, strings.NewReader(strings.Repeat("x", 6<<20+1))), http.StatusRequestEntityTooLarge, body[0])
		// This one is over the limit only in base64.
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
