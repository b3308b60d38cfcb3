package e2e

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// http asks the function over HTTP.
func (f function) http(method, path, body string, header ...string) answer {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, f.url+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req) // follows no redirect
	if err != nil {
		f.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{resp.StatusCode, resp.Header, string(text)}
}

// The way there and back through a function URL, with a real R.
func TestHTTP(t *testing.T) {
	p, f := startLocal(t, "web.web", nil, "--http")
	p.waitFor(`curl 'http://127\.0\.0\.1:\d+/'`)
	allBytes := make([]byte, 256)
	for i := range allBytes {
		allBytes[i] = byte(i)
	}
	for _, row := range []struct {
		method, path, body string
		header             []string
		status             int
		contentType, want  string
	}{
		{"GET", "/echo?n=50", "", nil, 200, "text/plain", "50  FALSE "},
		{"POST", "/echo?n=%C3%A9", "é", []string{"Content-Type", "text/plain", "Cookie", "a=1; b=2"}, 200, "text/plain", "é é FALSE a=1+b=2"},
		{"PUT", "/echo", "\xff", nil, 200, "text/plain", " /w== TRUE "},
		{"GET", "/all-bytes", "", nil, 200, "image/png", string(allBytes)},
		{"HEAD", "/all-bytes", "", nil, 200, "image/png", ""},
		{"GET", "/cookies", "", nil, 303, "application/json", ""},
		{"GET", "/plain", "", nil, 200, "application/json", `{"parity":"odd"}`},
		{"GET", "/nothing", "", nil, 404, "application/json", "no such page"},
		{"GET", "/malformed", "", nil, 502, "text/plain; charset=utf-8", "Internal Server Error"},
	} {
		got := f.http(row.method, row.path, row.body, row.header...)
		if got.status != row.status || got.header.Get("Content-Type") != row.contentType || strings.TrimSpace(got.body) != strings.TrimSpace(row.want) {
			t.Errorf("%s %s: got %d %s %q", row.method, row.path, got.status, got.header.Get("Content-Type"), got.body)
		}
		if want := []string{"a=1; HttpOnly", "b=2"}; row.status == 303 &&
			(!slices.Equal(got.header.Values("Set-Cookie"), want) || got.header.Get("Location") != "/echo") {
			t.Errorf("got the headers %v", got.header)
		}
	}
	p.waitFor(`the result is not an HTTP response: body is an object: want a string`)
	if got := f.http("GET", "/boom", ""); got.status != 500 || !strings.Contains(got.body, "Internal server error") || strings.Contains(got.body, "secret") {
		t.Errorf("an error became %d %s", got.status, got.body)
	}
	p.waitFor(`ERR invocation error: simpleError in web\(event = event\): secret`)
	if got := f.result(`{"rawPath": "/plain"}`); got != `{"parity":"odd"}` {
		t.Errorf("the Invoke API gives %s", got)
	}
}

// The other formats, by what tells them apart.
func TestHTTPFormats(t *testing.T) {
	for format, n := range map[string]string{"rest": "é", "alb": "%C3%A9"} {
		t.Run(format, func(t *testing.T) {
			_, f := startLocal(t, "web.web", nil, "--http="+format)
			if got := f.http("GET", "/echo?n=%C3%A9", ""); got.status != 200 || !strings.HasPrefix(got.body, n+" ") {
				t.Errorf("got %d %s", got.status, got.body)
			}
			if got := f.http("GET", "/plain", ""); got.status != 200 || got.body != `{"parity":"odd"}` {
				t.Errorf("a plain result became %d %s", got.status, got.body)
			}
		})
	}
}

// A URL can have a character that no R string can hold. That is the caller's fault.
func TestHTTPNul(t *testing.T) {
	p, f := startLocal(t, "web.web", nil, "--http")
	if got := f.http("GET", "/?b=%00", ""); got.status != 400 || !strings.Contains(got.body, `the character \u0000`) {
		t.Errorf("got %d %s", got.status, got.body)
	}
	p.waitFor(`answered 400: the request has the character`)
	if printed := p.output(); strings.Contains(printed, "ERR") {
		t.Errorf("an error was logged:\n%s", printed)
	}
}
