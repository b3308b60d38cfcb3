package emulator_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/emulator/front"
	"lambda-r-runtime/protocol/runtimeapi"
)

const eightZeros = runtimeapi.PreludeEnd

// streamed calls the function over HTTP and streams parts. It closes the stream if there are
// several.
func (l *listener) streamed(t *testing.T, method, contentType string, parts ...string) (*download, *upload) {
	t.Helper()
	var u *upload
	d := l.download(t, method, "/", func() {
		u = l.stream(t, next(t, l.client(t)).ID, contentType)
		for _, part := range parts {
			if _, err := io.WriteString(u.body, part); err != nil {
				break // it was refused
			}
		}
		if len(parts) > 1 {
			u.body.Close()
		}
	})
	return d, u
}

// The caller gets status, headers and cookies of the prelude before there is a body, and each
// chunk before the runtime writes another.
func TestHTTPStream(t *testing.T) {
	for _, format := range []front.Format{front.FunctionURL, front.RESTAPI} {
		l := listen(t, emulator.Config{HTTP: format})
		d, u := l.streamed(t, http.MethodGet, withPrelude,
			`{"statusCode":201,"headers":{"Content-Type":"text/event-stream","X-N":1,"Content-Length":"3"},"cookies":["a=1","b=2"]}`+eightZeros)
		h := d.resp.Header
		if d.resp.StatusCode != 201 || h.Get("Content-Type") != "text/event-stream" || h.Get("X-N") != "1" || h.Get("X-Amzn-Requestid") == "" ||
			!slices.Equal(h.Values("Set-Cookie"), []string{"a=1", "b=2"}) || d.resp.ContentLength != -1 {
			t.Errorf("got %d %v", d.resp.StatusCode, h)
		}
		for _, text := range []string{"data: 1\n\n", eightZeros, "é"} {
			u.write(text)
			d.expect(text)
		}
		if status := u.close(); status != http.StatusAccepted {
			t.Errorf("the POST got %d", status)
		}
		d.expectEnd(nil)
	}
}

func TestHTTPStreamKinds(t *testing.T) {
	l := listen(t, emulator.Config{HTTP: front.FunctionURL})
	for _, row := range []struct {
		method, contentType string
		parts               []string
		status              int
		wantType, want      string
	}{
		{"GET", "text/csv", []string{"a,", "b"}, 200, "text/csv", "a,b"},
		{"GET", "text/csv", []string{"", ""}, 200, "text/csv", ""},
		{"GET", withPrelude, []string{`{"statusCode":204}` + eightZeros, "not for HTTP"}, 204, "application/octet-stream", ""},
		{"HEAD", withPrelude, []string{`{"headers":{"content-type":"a/b"}}` + eightZeros, "not for HEAD"}, 200, "a/b", ""},
	} {
		d, u := l.streamed(t, row.method, row.contentType, row.parts...)
		body, err := io.ReadAll(d.resp.Body)
		if err != nil || d.resp.StatusCode != row.status || d.resp.Header.Get("Content-Type") != row.wantType || string(body) != row.want {
			t.Errorf("%+v: got %d %v %q, %v", row, d.resp.StatusCode, d.resp.Header, body, err)
		}
		if end := u.end(); end.status != http.StatusAccepted {
			t.Errorf("%+v: the POST ended with %+v", row, end)
		}
	}
}

// An invalid prelude is refused at once. The log and the runtime get the reason.
func TestHTTPStreamWithABadPrelude(t *testing.T) {
	for prelude, why := range map[string]string{
		"not JSON" + eightZeros:                               "its prelude is not a JSON object",
		`{"statusCode":"x"}` + eightZeros:                     "want a number from 200 to 599",
		`{"headers":{"a":"x\r\nSet-Cookie: y"}}` + eightZeros: "line break",
		strings.Repeat(" ", 64<<10+1):                         "its prelude has more than 65536 bytes",
	} {
		var log logBuffer
		l := listen(t, emulator.Config{HTTP: front.FunctionURL, Log: &log})
		d, u := l.streamed(t, http.MethodGet, withPrelude, prelude)
		if d.resp.StatusCode != http.StatusBadGateway {
			t.Errorf("%.30q: got %d", prelude, d.resp.StatusCode)
		}
		d.expect("Internal Server Error")
		if end := u.end(); end.status != http.StatusGone || !strings.Contains(end.text, why) {
			t.Errorf("%.30q: the POST ended with %+v", prelude, end)
		}
		if !strings.Contains(log.String(), "the result is not an HTTP response: ") || !strings.Contains(log.String(), why) {
			t.Errorf("the log is %s", &log)
		}
	}
	var log logBuffer
	l := listen(t, emulator.Config{HTTP: front.FunctionURL, Log: &log})
	d, u := l.streamed(t, http.MethodGet, withPrelude, "{", "}")
	if end := u.end(); d.resp.StatusCode != http.StatusBadGateway || end.status != http.StatusAccepted {
		t.Errorf("got %d, and the POST ended with %+v", d.resp.StatusCode, end)
	}
	d.expect("Internal Server Error") // after it the log is complete
	d.expectEnd(nil)
	if !strings.Contains(log.String(), "it ends before its prelude does") {
		t.Errorf("the log is %s", &log)
	}
}

// An error before the headers becomes a 502. After them the connection is closed.
func TestHTTPStreamThatFails(t *testing.T) {
	var log logBuffer
	l := listen(t, emulator.Config{HTTP: front.FunctionURL, Log: &log})
	for _, early := range []string{"", `{"statusCode"`} {
		d := l.download(t, http.MethodGet, "/", func() {
			u := l.stream(t, next(t, l.client(t)).ID, withPrelude)
			u.write(early)
			u.fail("Function.Boom", `{"errorType":"early"}`)
		})
		if d.resp.StatusCode != http.StatusBadGateway {
			t.Errorf("got %d", d.resp.StatusCode)
		}
	}
	d, u := l.streamed(t, http.MethodGet, "", "part")
	d.expect("part")
	if status := u.fail("Function.Boom", `{"errorType":"late"}`); status != http.StatusAccepted {
		t.Errorf("the POST got %d", status)
	}
	d.expectEnd(io.ErrUnexpectedEOF)
	for _, want := range []string{"Function.Boom: {\"errorType\":\"early\"}", "Function.Boom: {\"errorType\":\"late\"}"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%s is not in the log %s", want, &log)
		}
	}

	l = listen(t, emulator.Config{HTTP: front.FunctionURL, Timeout: 200 * time.Millisecond})
	d, u = l.streamed(t, http.MethodGet, "", "part")
	d.expect("part")
	d.expectEnd(io.ErrUnexpectedEOF)
	u.checkRefused(http.StatusGone, "deadline")
}

// A load balancer waits for all of a stream, and does not accept a prelude.
func TestHTTPStreamBehindALoadBalancer(t *testing.T) {
	var log logBuffer
	l := listen(t, emulator.Config{HTTP: front.LoadBalancer, Log: &log})
	d, _ := l.streamed(t, http.MethodGet, "application/json", `{"statusCode":201,`, `"body":"b"}`)
	if d.resp.StatusCode != 201 {
		t.Errorf("got %d", d.resp.StatusCode)
	}
	d.expect("b")
	d, _ = l.streamed(t, http.MethodGet, withPrelude, "{}"+eightZeros, "b")
	if d.resp.StatusCode != http.StatusBadGateway || !strings.Contains(log.String(), "which a load balancer does not support") {
		t.Errorf("got %d; the log is %s", d.resp.StatusCode, &log)
	}
}

// A buffered result has a length.
func TestHTTPWithoutAStream(t *testing.T) {
	l := listen(t, emulator.Config{HTTP: front.FunctionURL})
	l.startRuntime(t, 1, func(*runtimeapi.Invocation) ([]byte, *runtimeapi.ErrorReport) { return []byte(`{"a":1}`), nil })
	if got := l.post(t, "/", nil, nil); got.body != `{"a":1}` || got.header.Get("Content-Length") != "7" {
		t.Errorf("got %+v", got)
	}
}
