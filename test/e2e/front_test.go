package e2e

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"io"
	"slices"
	"strings"
	"testing"

	"lambda-r-runtime/test/kit/lambda"
)

// http makes an HTTP request to the function.
func (f function) http(method, path, body string, header ...string) answer {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	a, err := lambda.Request(ctx, method, f.url+path, body, header...)
	if err != nil {
		f.t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

// HTTP requests to a function URL, and their responses, with a real R.
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
		if got.Status != row.status || got.Header.Get("Content-Type") != row.contentType || strings.TrimSpace(got.Body) != strings.TrimSpace(row.want) {
			t.Errorf("%s %s: got %d %s %q", row.method, row.path, got.Status, got.Header.Get("Content-Type"), got.Body)
		}
		if want := []string{"a=1; HttpOnly", "b=2"}; row.status == 303 &&
			(!slices.Equal(got.Header.Values("Set-Cookie"), want) || got.Header.Get("Location") != "/echo") {
			t.Errorf("got the headers %v", got.Header)
		}
	}
	p.waitFor(`the result is not an HTTP response: body is an object: want a string`)
	if got := f.http("GET", "/boom", ""); got.Status != 500 || !strings.Contains(got.Body, "Internal server error") || strings.Contains(got.Body, "secret") {
		t.Errorf("an error became %d %s", got.Status, got.Body)
	}
	p.waitFor(`ERR invocation error: simpleError in web\(event = event\): secret`)
	if got := f.result(`{"rawPath": "/plain"}`); got != `{"parity":"odd"}` {
		t.Errorf("the Invoke API gives %s", got)
	}
}

// The other formats, by what distinguishes them.
func TestHTTPFormats(t *testing.T) {
	for format, n := range map[string]string{"rest": "é", "alb": "%C3%A9", "lattice": "é"} {
		t.Run(format, func(t *testing.T) {
			_, f := startLocal(t, "web.web", nil, "--http="+format)
			if got := f.http("GET", "/echo?n=%C3%A9", ""); got.Status != 200 || !strings.HasPrefix(got.Body, n+" ") {
				t.Errorf("got %d %s", got.Status, got.Body)
			}
			if got := f.http("GET", "/plain", ""); got.Status != 200 || got.Body != `{"parity":"odd"}` {
				t.Errorf("a plain result became %d %s", got.Status, got.Body)
			}
		})
	}
}

// Bodies reach the handler decoded, whatever HTTP clients and the format of the event made of them.
func TestHTTPBodies(t *testing.T) {
	compressed := func(text string, writer func(io.Writer) io.WriteCloser) string {
		var b bytes.Buffer
		w := writer(&b)
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	gz := compressed(`{"a":"é"}`, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })
	deflated := compressed(`{"a":"é"}`, func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) })
	form := "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.bin\"\r\n\r\n\x00\xff\r\n--b--\r\n"
	for _, format := range []string{"url", "rest", "alb", "lattice"} {
		t.Run(format, func(t *testing.T) {
			_, f := startLocal(t, "http.given", nil, "--http="+format)
			for _, row := range []struct {
				body   string
				header []string
				want   string
			}{
				{gz, []string{"Content-Type", "application/json", "Content-Encoding", "gzip"}, `{"a":"é"}`},
				{deflated, []string{"Content-Type", "application/json", "Content-Encoding", "deflate"}, `{"a":"é"}`},
				{"\xe9", []string{"Content-Type", "text/plain; charset=iso-8859-1"}, `{"body":"é"}`},
				{form, []string{"Content-Type", "multipart/form-data; boundary=b"},
					`{"f":{"name":"x.bin","type":"application/octet-stream","content":"AP8="}}`},
			} {
				if got := f.http("POST", "/", row.body, row.header...); got.Status != 200 || got.Body != row.want {
					t.Errorf("%v: got %d %s, want %s", row.header, got.Status, got.Body, row.want)
				}
			}
		})
	}
}

// A header that a handler repeats reaches the caller as often, or joined with commas. Cookies are
// never joined. A load balancer without multi-value headers takes only one.
func TestHTTPRepeatedHeaders(t *testing.T) {
	both := []string{"a=1", "b=2"}
	for format, cookies := range map[string][]string{"url": both, "rest": both, "alb": {"b=2"}, "lattice": both} {
		t.Run(format, func(t *testing.T) {
			_, f := startLocal(t, "http.repeats", nil, "--http="+format)
			got := f.http("GET", "/", "")
			if !slices.Equal(got.Header.Values("Set-Cookie"), cookies) || strings.Join(got.Header.Values("X-A"), ", ") != "1, 2" {
				t.Errorf("got the headers %v", got.Header)
			}
		})
	}
}

// A URL can contain a character that an R string cannot. That is the caller's error.
func TestHTTPNul(t *testing.T) {
	p, f := startLocal(t, "web.web", nil, "--http")
	if got := f.http("GET", "/?b=%00", ""); got.Status != 400 || !strings.Contains(got.Body, `the character \u0000`) {
		t.Errorf("got %d %s", got.Status, got.Body)
	}
	p.waitFor(`answered 400: the request has the character`)
	if printed := p.output(); strings.Contains(printed, "ERR") {
		t.Errorf("an error was logged:\n%s", printed)
	}
}
