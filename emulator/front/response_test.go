package front_test

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"lambda-r-runtime/emulator/front"
)

const url, rest, alb, lattice = front.FunctionURL, front.RESTAPI, front.LoadBalancer, front.Lattice

func TestRespond(t *testing.T) {
	for _, row := range []struct {
		format front.Format
		result string
		status int
		header string // one "name: value" a line; Content-Type only if it is not JSON
		body   string
	}{
		{url, `{"statusCode": 200, "body": "é<&>"}`, 200, "", "é<&>"},
		{url, `{"statusCode": 404, "headers": {"content-type": "text/html", "X-N": 5, "X-B": true}, "body": "no"}`, 404, "Content-Type: text/html\nX-B: true\nX-N: 5", "no"},
		{url, `{"statusCode": "201"}`, 201, "", ""},
		{url, `{"statusCode": 200, "body": "AP+A", "isBase64Encoded": true}`, 200, "", "\x00\xff\x80"},
		{url, `{"statusCode": 200, "headers": null, "cookies": null, "body": null, "isBase64Encoded": null}`, 200, "", ""},
		{url, `{"statusCode": 302, "headers": {"Location": "/é"}, "cookies": ["a=1; Path=/", "b=2"]}`, 302, "Location: /é\nSet-Cookie: a=1; Path=/\nSet-Cookie: b=2", ""},
		{url, `{"statusCode": 200, "multiValueHeaders": {"X": ["1"]}, "body": "of the other format"}`, 200, "", "of the other format"},
		{url, `{"statusCode": 200, "headers": {"Content-Length": "99", "Transfer-Encoding": "chunked", "Connection": "close"}, "body": "short"}`, 200, "", "short"},
		{url, `{"statusCode": 200, "headers": {"x-amzn-requestid": "mine"}}`, 200, "X-Amzn-Requestid: mine", ""},
		// A result without a statusCode is a body.
		{url, `{"parity":"odd"}`, 200, "", `{"parity":"odd"}`},
		{url, `{"status":200,"body":"x"}`, 200, "", `{"status":200,"body":"x"}`},
		{url, `"text"`, 200, "", `"text"`},
		{url, `[{"statusCode":404}]`, 200, "", `[{"statusCode":404}]`},
		{url, `null`, 200, "", `null`},

		{rest, `{"statusCode": 200, "body": "a"}`, 200, "", "a"},
		{rest, `{"statusCode": 200, "headers": {"X": "1", "Y": "2"}, "multiValueHeaders": {"x": ["1", "3"], "Set-Cookie": ["a=1", "b=2"]}}`, 200, "Set-Cookie: a=1\nSet-Cookie: b=2\nX: 1\nX: 3\nY: 2", ""},
		{rest, `{"statusCode": 200, "multiValueHeaders": {"content-type": ["image/png"]}, "isBase64Encoded": true, "body": "/w=="}`, 200, "Content-Type: image/png", "\xff"},

		{alb, `{"statusCode": 200, "statusDescription": "200 OK", "headers": {"Content-Type": "text/css"}, "body": "a"}`, 200, "Content-Type: text/css", "a"},
		{alb, `{"statusCode": 200, "body": "a"}`, 200, "Content-Type: application/octet-stream", "a"},

		{lattice, `{"statusCode": 200, "headers": {"Content-Type": "text/css"}, "cookies": ["a=1", "b=2"], "body": "a"}`, 200, "Content-Type: text/css\nSet-Cookie: a=1\nSet-Cookie: b=2", "a"},
	} {
		w := httptest.NewRecorder()
		w.Header().Set("X-Amzn-Requestid", "ours")
		if err := row.format.Respond(w, []byte(row.result)); err != nil {
			t.Errorf("%s %s: %v", row.format, row.result, err)
		}
		if w.Code != row.status || w.Body.String() != row.body {
			t.Errorf("%s %s: got %d %q, want %d %q", row.format, row.result, w.Code, w.Body, row.status, row.body)
		}
		want := http.Header{}
		for line := range strings.Lines(row.header) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			want.Add(name, value)
		}
		for name, value := range map[string]string{"Content-Type": "application/json", "X-Amzn-Requestid": "ours"} {
			if want.Get(name) == "" {
				want.Set(name, value)
			}
		}
		got := w.Header().Clone()
		got.Del("Content-Length")
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s %s: got %v, want %v", row.format, row.result, got, want)
		}
	}
}

// For a result that is not a response, Respond writes nothing and returns the reason.
func TestRespondToAMalformedResult(t *testing.T) {
	for _, row := range []struct {
		format      front.Format
		result, why string
	}{
		{url, `{"statusCode": 99}`, `statusCode is "99": want a number from 200 to 599`},
		{url, `{"statusCode": 600}`, "statusCode"},
		{url, `{"statusCode": 101}`, "statusCode"},
		{url, `{"statusCode": 200.5}`, "statusCode"},
		{url, `{"statusCode": "OK"}`, "statusCode"},
		{url, `{"statusCode": null}`, `statusCode is "null"`},
		{url, `{"statusCode": [200]}`, "statusCode"},
		{url, `{"statusCode": 200, "body": {"a": 1}}`, "body is an object: want a string"},
		{url, `{"statusCode": 200, "body": 5}`, "body is a number"},
		{url, `{"statusCode": 200, "body": "a b", "isBase64Encoded": true}`, "body is not base64"},
		{url, `{"statusCode": 200, "isBase64Encoded": "yes"}`, "isBase64Encoded is a string: want true or false"},
		{url, `{"statusCode": 200, "headers": ["a"]}`, "headers is an array: want an object"},
		{url, `{"statusCode": 200, "headers": {"A": ["1"]}}`, `the header "A" is an array: want a string`},
		{url, `{"statusCode": 200, "headers": {"A": null}}`, `the header "A" is null`},
		{url, `{"statusCode": 200, "headers": {"A\nB": "1"}}`, `"A\nB" cannot be the name of a header`},
		{url, `{"statusCode": 200, "headers": {"": "1"}}`, "cannot be the name"},
		{url, `{"statusCode": 200, "headers": {"Trailer:A": "1"}}`, "cannot be the name"},
		{url, `{"statusCode": 200, "headers": {"A": "1\r\nSet-Cookie: x"}}`, `a line break or another control character in its value "1\r\nSet-Cookie: x"`},
		{url, `{"statusCode": 200, "cookies": "a=1"}`, "cookies is a string: want an array, in R a list"},
		{url, `{"statusCode": 200, "cookies": ["a=1\n"]}`, `the header "Set-Cookie" has a line break`},
		{rest, `{"parity":"odd"}`, `it has a key "parity"`},
		{rest, `{}`, "it has no statusCode"},
		{rest, `"text"`, "it has no statusCode"},
		{rest, `{"statusCode": 200, "multiValueHeaders": {"A": "1"}}`, "multiValueHeaders is not an object of arrays"},
		{rest, `{"statusCode": 200, "multiValueHeaders": {"A": [{}]}}`, `the header "A" is an object`},
		{alb, `[1]`, "it has no statusCode"},
		{lattice, `[1]`, "it has no statusCode"},
	} {
		w := httptest.NewRecorder()
		err := row.format.Respond(w, []byte(row.result))
		if err == nil || !strings.Contains(err.Error(), row.why) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s %s: got %v, want %s", row.format, row.result, err, row.why)
		}
		if w.Body.Len() > 0 || len(w.Header()) > 0 {
			t.Errorf("%s %s: wrote %v %q", row.format, row.result, w.Header(), w.Body)
		}
	}
}

// Responses without a body leave the connection usable.
func TestRespondWithoutABody(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := "200"
		if r.URL.Path == "/nothing" {
			status = "204"
		}
		if err := url.Respond(w, []byte(`{"statusCode": `+status+`, "body": "12345"}`)); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	for _, row := range []struct {
		method, path string
		status       int
		length       int64
	}{
		{http.MethodHead, "/", 200, 5},
		{http.MethodGet, "/nothing", 204, 0},
		{http.MethodDelete, "/", 200, 5},
	} {
		r, err := http.NewRequestWithContext(t.Context(), row.method, server.URL+row.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != row.status || resp.ContentLength != row.length {
			t.Errorf("%s %s: status %d, length %d", row.method, row.path, resp.StatusCode, resp.ContentLength)
		}
	}
}
