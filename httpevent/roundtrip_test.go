package httpevent_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"lambda-r-runtime/emulator/front"
	"lambda-r-runtime/httpevent"
)

var formats = []front.Format{front.FunctionURL, front.RESTAPI, front.LoadBalancer, front.Lattice}

// parse makes an event of the request, and a request of the event.
func parse(t *testing.T, format front.Format, r *http.Request, body string) *httpevent.Event {
	t.Helper()
	event := format.Event(front.Request{HTTP: r, Body: []byte(body), ID: "id-1", TraceID: "Root=1-2-3", Time: time.Now()})
	e, err := httpevent.Parse(event)
	if err != nil {
		t.Fatalf("%s: %v\n%s", format, err, event)
	}
	return e
}

func TestRequestsComeOutEqual(t *testing.T) {
	for _, test := range []struct{ method, target, contentType, body string }{
		{"GET", "/", "", ""},
		{"HEAD", "/a/b/", "", ""},
		{"GET", "/a%20b/%C3%A9/c+d?x=1&y=a%20b&z=%26%3D%2B", "", ""},
		{"GET", "/?a=1&a=2&b=", "", ""},
		{"GET", "/100%25?q=50%25", "", ""},
		{"POST", "/echo", "application/json", `{"a": "é", "b": [1, 2]}`},
		{"POST", "/upload", "application/octet-stream", "\x00\x01\xff"},
		{"PUT", "/form", "application/x-www-form-urlencoded", "a=1&b=2"},
		{"PATCH", "/text", "text/plain; charset=utf-8", "line\r\nline\t\"\\"},
		{"DELETE", "/x", "", ""},
		{"OPTIONS", "/x", "", ""},
	} {
		for _, format := range formats {
			r := httptest.NewRequest(test.method, test.target, strings.NewReader(test.body))
			r.Host = "api.example.com"
			r.Header.Set("Content-Type", test.contentType)
			r.Header.Set("X-Own", "a, b; c=\"d\"")
			r.Header.Set("Cookie", "a=1; b=2")
			e := parse(t, format, r, test.body)
			if e.Method != test.method || string(e.Body) != test.body || e.Host != "api.example.com" {
				t.Errorf("%s: %s %s came out as %s of %q with the body %q", format, test.method, test.target, e.Method, e.Host, e.Body)
			}
			if e.Path != r.URL.EscapedPath() {
				t.Errorf("%s: the path %s came out as %s", format, r.URL.EscapedPath(), e.Path)
			}
			query, err := url.ParseQuery(e.Query)
			want := r.URL.Query()
			if format == front.LoadBalancer { // without multi-value headers, the last one wins
				for name, texts := range want {
					want[name] = texts[len(texts)-1:]
				}
			}
			if err != nil || !reflect.DeepEqual(query, want) {
				t.Errorf("%s: the query %s came out as %s", format, r.URL.RawQuery, e.Query)
			}
			for _, name := range []string{"X-Own", "Cookie", "Content-Type"} {
				if got := e.Header.Values(name); !slices.Equal(got, r.Header.Values(name)) {
					t.Errorf("%s: %s: %q came out as %q", format, name, r.Header.Values(name), got)
				}
			}
		}
	}
}

func TestResponsesComeOutEqual(t *testing.T) {
	for _, test := range []struct {
		status int
		header http.Header
		body   string
	}{
		{200, http.Header{"Content-Type": {"application/json"}}, `{"a": "é\n"}`},
		{201, http.Header{"Content-Type": {"text/html; charset=utf-8"}, "X-A": {"1"}}, "<p>\x01 \u2028 \"\\"},
		{200, http.Header{"Content-Type": {"image/png"}}, "\x89PNG\x00\xff"},
		{200, http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}}, "\x1f\x8b\x00"},
		{200, http.Header{"Content-Type": {"text/plain"}}, "latin1: \xe9"},
		{204, http.Header{"Content-Type": {"text/plain"}}, ""},
		{302, http.Header{"Content-Type": {"text/plain"}, "Location": {"/x?y=1"}, "Set-Cookie": {"a=1; Path=/"}}, ""},
		{404, http.Header{"Content-Type": {"application/problem+json"}}, "{}"},
		{503, http.Header{"Content-Type": {"text/plain"}, "Retry-After": {"1"}}, "later"},
	} {
		for _, format := range formats {
			e := parse(t, format, httptest.NewRequest("GET", "/", nil), "")
			result := e.Result(test.status, test.header, []byte(test.body))
			if !json.Valid(result) {
				t.Fatalf("%s: not JSON: %s", format, result)
			}
			w := httptest.NewRecorder()
			if err := format.Respond(w, result); err != nil {
				t.Errorf("%s: %v: %s", format, err, result)
				continue
			}
			if w.Code != test.status || w.Body.String() != test.body {
				t.Errorf("%s: %d %q came out as %d %q", format, test.status, test.body, w.Code, w.Body)
			}
			for name := range test.header {
				if got := w.Header().Values(name); !slices.Equal(got, test.header.Values(name)) {
					t.Errorf("%s: %s: %q came out as %q", format, name, test.header.Values(name), got)
				}
			}
		}
	}
}

func TestRepeatedHeadersAndCookiesStayWhole(t *testing.T) {
	header := http.Header{"Set-Cookie": {"a=1", "b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT"}, "Vary": {"Origin", "Accept"}}
	for format, cookies := range map[front.Format]int{front.FunctionURL: 2, front.RESTAPI: 2, front.LoadBalancer: 1, front.Lattice: 1} {
		e := parse(t, format, httptest.NewRequest("GET", "/", nil), "")
		w := httptest.NewRecorder()
		if err := format.Respond(w, e.Result(200, header, nil)); err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		got := w.Header().Values("Set-Cookie")
		if !slices.Equal(got, header["Set-Cookie"][2-cookies:]) {
			t.Errorf("%s: cookies %q", format, got)
		}
		if got := strings.Join(w.Header().Values("Vary"), ", "); got != "Origin, Accept" {
			t.Errorf("%s: Vary: %q", format, got)
		}
	}
	if len(header) != 2 || len(header["Set-Cookie"]) != 2 {
		t.Errorf("the caller's headers were changed: %v", header)
	}
}

func TestStreamedResponsesComeOutEqual(t *testing.T) {
	for _, format := range []front.Format{front.FunctionURL, front.RESTAPI} {
		e := parse(t, format, httptest.NewRequest("GET", "/", nil), "")
		if !e.Streams() {
			t.Errorf("%s does not stream", format)
		}
		p := e.Prelude(201, http.Header{"Set-Cookie": {"a=1", "b=2"}, "X-A": {"1"}, "Connection": {"close"}, "Content-Length": {"9"}})
		if p.StatusCode != 201 || !reflect.DeepEqual(p.Headers, map[string]string{"X-A": "1"}) || len(p.Cookies) != 2 {
			t.Errorf("%s: %+v", format, p)
		}
	}
	for _, format := range []front.Format{front.LoadBalancer, front.Lattice} {
		if parse(t, format, httptest.NewRequest("GET", "/", nil), "").Streams() {
			t.Errorf("%s streams", format)
		}
	}
}

// FuzzRoundTrip sends requests and bodies through both packages.
func FuzzRoundTrip(f *testing.F) {
	f.Add("/a", "x=1", "text/plain", []byte("text"))
	f.Add("/a%2Fb", "x=%zz&&=", "application/json", []byte("\xff\x00"))
	f.Fuzz(func(t *testing.T, path, query, contentType string, body []byte) {
		target := (&url.URL{Path: "/" + path, RawQuery: query}).RequestURI()
		r, err := http.NewRequest("POST", "http://host"+target, nil)
		if err != nil {
			return
		}
		r.Header.Set("Content-Type", contentType)
		for _, format := range formats {
			e := parse(t, format, r, string(body))
			if !bytes.Equal(e.Body, body) {
				t.Fatalf("%s: the body %q came out as %q", format, body, e.Body)
			}
			line := e.Path + "?" + e.Query
			if strings.ContainsFunc(line, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
				t.Fatalf("%s: %q cannot be sent", format, line)
			}
			w := httptest.NewRecorder()
			header := http.Header{}
			if strings.IndexFunc(contentType, func(c rune) bool { return c < ' ' || c == 0x7f }) < 0 {
				header.Set("Content-Type", contentType)
			}
			if err := format.Respond(w, e.Result(200, header, body)); err != nil {
				t.Fatalf("%s: %v", format, err)
			}
			if got, _ := io.ReadAll(w.Body); !bytes.Equal(got, body) { // a buffer has no errors
				t.Fatalf("%s: the response %q came out as %q", format, body, got)
			}
		}
	})
}
