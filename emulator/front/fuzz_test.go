package front_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"
	"unicode/utf8"

	"lambda-r-runtime/emulator/front"
	"lambda-r-runtime/protocol/runtimeapi"
)

var formats = []front.Format{front.FunctionURL, front.RESTAPI, front.LoadBalancer, front.Lattice}

// FuzzRequest makes an event of each request that net/http accepts. An event is valid JSON in
// valid UTF-8, its size is linear in that of the request, and it has the whole body.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET //a%2Fb%20c?n=50&n=%C3%A9+x&flag&bad=%zz&=&m=%26%3D HTTP/1.1\r\nHost: [::1]:9000\r\nCookie: a=1; b=2\r\n\r\n",
		"POST http://api.example.com/x HTTP/1.1\r\nHost: y\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 9\r\n\r\n{\"a\": 1}\n",
		"POST / HTTP/1.0\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\xff\x00",
		"PUT * HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nX-Forwarded-For: \xff, 1\r\n\r\n1\r\nx\r\n0\r\n\r\n",
		"OPTIONS /?%00=\xff HTTP/1.1\r\nHost: \r\nX-Amzn-Trace-Id: Root=1;Parent=2\r\nConnection: x\r\nTe: y\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire)))
		if err != nil {
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.RemoteAddr = "192.0.2.7:4711"
		for _, format := range formats {
			event := format.Event(front.Request{HTTP: r, Body: body, ID: "ID", TraceID: "Root=1-2-3", Time: time.Now()})
			checkEvent(t, format, event, len(wire), body)
		}
	})
}

func checkEvent(t *testing.T, format front.Format, event []byte, size int, body []byte) {
	t.Helper()
	// JSON may write a byte of a header as six, and an event has headers and query twice.
	if most := 4<<10 + 20*size; len(event) > most {
		t.Errorf("%s: the event of a request of %d bytes has %d", format, size, len(event))
	}
	if !utf8.Valid(event) {
		t.Errorf("%s: the event is not UTF-8: %q", format, event)
	}
	var fields struct {
		Body            *string
		IsBase64Encoded bool
	}
	if err := json.Unmarshal(event, &fields); err != nil {
		t.Fatalf("%s: %v: %q", format, err, event)
	}
	got := []byte{}
	if fields.Body != nil {
		got = []byte(*fields.Body)
	}
	if fields.IsBase64Encoded {
		var err error
		if got, err = base64.StdEncoding.DecodeString(*fields.Body); err != nil {
			t.Fatalf("%s: the body is not base64: %v", format, err)
		}
	}
	if !bytes.Equal(got, body) {
		t.Errorf("%s: the event has the body %q, want %q", format, got, body)
	}
}

// FuzzResponse makes an HTTP response of each result, which may echo an event. Either nothing
// is written, or the response arrives as it was made: no result can add a header or another
// response.
func FuzzResponse(f *testing.F) {
	for _, seed := range []string{
		`{"statusCode": 200, "body": "text", "headers": {"X-A": "b", "X-N": 1, "X-B": true}, "cookies": ["a=1", "b=2"]}`,
		`{"statusCode": "404", "body": "AAEC/w==", "isBase64Encoded": true, "multiValueHeaders": {"X-A": ["b", "c"]}}`,
		`{"statusCode": 204, "headers": {"Content-Length": "7", "Transfer-Encoding": "chunked", "Connection": "x"}, "body": "x"}`,
		`{"statusCode": 200, "headers": {"a": "x\r\nSet-Cookie: y", "b\n": "", "": "", "é": "\u0000"}}`,
		`{"statusCode": 1e2}`, `{"statusCode": null, "body": 1}`, `[{}]`, `"text"`, `null`, `nul`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, result []byte) {
		for _, format := range formats {
			w := httptest.NewRecorder()
			if err := format.Respond(w, result); err != nil {
				if w.Body.Len() > 0 || len(w.Header()) > 0 {
					t.Errorf("%s: refused with %v, but wrote %v %q", format, err, w.Header(), w.Body)
				}
				continue
			}
			checkResponse(t, w)
		}
	})
}

// checkResponse sends what was written over HTTP/1.1 and reads it again.
func checkResponse(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	sent := w.Result()
	if sent.StatusCode < 200 || sent.StatusCode > 599 {
		t.Errorf("the status is %d", sent.StatusCode)
	}
	want := w.Body.Bytes()
	var wire bytes.Buffer
	if err := sent.Write(&wire); err != nil {
		t.Fatalf("the response cannot be sent: %v", err)
	}
	stream := bufio.NewReader(&wire)
	got, err := http.ReadResponse(stream, nil)
	if err != nil {
		t.Fatalf("the response cannot be read: %v", err)
	}
	body, err := io.ReadAll(got.Body)
	if err != nil || !bytes.Equal(body, want) {
		t.Errorf("the body arrives as %q, %v; want %q", body, err, want)
	}
	if rest, _ := io.ReadAll(stream); len(rest) > 0 { // a buffer has no errors
		t.Errorf("after the response comes %q", rest)
	}
	if n := len(got.Header["Set-Cookie"]); n != len(sent.Header["Set-Cookie"]) || got.StatusCode != sent.StatusCode {
		t.Errorf("it arrives with status %d and %d cookies, want %d and %d", got.StatusCode, n, sent.StatusCode, len(sent.Header["Set-Cookie"]))
	}
	for name := range got.Header {
		if _, ok := sent.Header[name]; !ok && name != "Content-Length" && name != "Connection" {
			t.Errorf("the header %q was added", name)
		}
	}
}

// FuzzStream writes a streamed result as a whole and in pieces. Both write the same response
// or are refused for the same reason.
func FuzzStream(f *testing.F) {
	const end = runtimeapi.PreludeEnd
	f.Add([]byte(`{"statusCode": 201, "headers": {"X-A": "b"}, "cookies": ["a=1"]}`+end+"body"), uint8(3), true)
	f.Add([]byte(`{"statusCode": 204}`+end+"body"), uint8(20), true)
	f.Add([]byte(`{"headers": {"a": "x\r\nSet-Cookie: y"}}`+end), uint8(0), true)
	f.Add([]byte(`{"statusCode": 99}`+end+end), uint8(1), true)
	f.Add([]byte("text"), uint8(2), false)
	f.Fuzz(func(t *testing.T, stream []byte, piece uint8, withPrelude bool) {
		contentType := "text/plain"
		if withPrelude {
			contentType = runtimeapi.ContentTypeHTTP
		}
		whole, wholeErr := writeStream(stream, max(1, len(stream)), contentType)
		pieces, piecesErr := writeStream(stream, 1+int(piece), contentType)
		if (wholeErr == nil) != (piecesErr == nil) || wholeErr != nil && wholeErr.Error() != piecesErr.Error() {
			t.Fatalf("as a whole: %v, in pieces of %d: %v", wholeErr, 1+int(piece), piecesErr)
		}
		if wholeErr != nil {
			if whole.Body.Len() > 0 || pieces.Body.Len() > 0 {
				t.Errorf("refused with %v, but wrote %q and %q", wholeErr, whole.Body, pieces.Body)
			}
			return
		}
		if whole.Code != pieces.Code || !reflect.DeepEqual(whole.Header(), pieces.Header()) || whole.Body.String() != pieces.Body.String() {
			t.Errorf("as a whole: %d %v %q\nin pieces: %d %v %q", whole.Code, whole.Header(), whole.Body, pieces.Code, pieces.Header(), pieces.Body)
		}
		if !withPrelude && whole.Body.String() != string(stream) {
			t.Errorf("got %q, want %q", whole.Body, stream)
		}
		checkResponse(t, whole)
	})
}

func writeStream(stream []byte, piece int, contentType string) (*httptest.ResponseRecorder, error) {
	w := httptest.NewRecorder()
	s := front.NewStream(w, contentType)
	for len(stream) > 0 {
		n := min(piece, len(stream))
		if err := s.Write(stream[:n]); err != nil {
			return w, err
		}
		stream = stream[n:]
	}
	return w, s.Close()
}
