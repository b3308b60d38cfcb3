package runtimeapi_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"lambda-r-runtime/protocol/runtimeapi"
)

// patience is how long a test waits before it fails.
const patience = 10 * time.Second

// A streamAPI is a Runtime API that lets the test read a streamed response.
type streamAPI struct {
	address string
	began   chan *http.Request // one for each post, with its body to be read
	finish  chan func(http.ResponseWriter)
}

func newStreamAPI(t *testing.T) *streamAPI {
	api := &streamAPI{began: make(chan *http.Request, 1), finish: make(chan func(http.ResponseWriter), 1)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Otherwise the server would read the body before it answers.
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		api.began <- r
		(<-api.finish)(w)
	}))
	t.Cleanup(server.Close)
	api.address = strings.TrimPrefix(server.URL, "http://")
	return api
}

// soon receives from c.
func soon[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("did not come: %s", what)
		panic("unreachable")
	}
}

func accept(w http.ResponseWriter) { w.WriteHeader(http.StatusAccepted) }

// read reads n bytes of a body.
func read(t *testing.T, body io.Reader, n int) string {
	t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(body, b); err != nil {
		t.Fatalf("got %q, %v", b, err)
	}
	return string(b)
}

// closing closes a stream in the background.
func closing(t *testing.T, s runtimeapi.Stream, r *runtimeapi.ErrorReport) <-chan error {
	closed := make(chan error, 1)
	go func() { closed <- s.Close(t.Context(), r) }() // ends with the server, at the latest
	return closed
}

// Each piece reaches the server before the next one is written, however small it is.
func TestStreamIsSentAtOnce(t *testing.T) {
	api := newStreamAPI(t)
	c := newClient(t, api.address)
	prelude := &runtimeapi.Prelude{StatusCode: 201, Headers: map[string]string{"X-A": "<é>"}, Cookies: []string{"a=1"}}
	for _, test := range []struct {
		name        string
		contentType string
		prelude     *runtimeapi.Prelude
		wantType    string
		wantHead    string
	}{
		{"bytes", "", nil, "application/octet-stream", ""},
		{"text", "text/csv", nil, "text/csv", ""},
		{"HTTP", "text/csv", prelude, "application/vnd.awslambda.http-integration-response",
			`{"statusCode":201,"headers":{"X-A":"<é>"},"cookies":["a=1"]}` + strings.Repeat("\x00", 8)},
		{"HTTP with a status only", "", &runtimeapi.Prelude{StatusCode: 200}, "application/vnd.awslambda.http-integration-response",
			`{"statusCode":200}` + strings.Repeat("\x00", 8)},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := c.RespondStream(&runtimeapi.Invocation{ID: "a/b", InvocationID: "echo"}, test.contentType, test.prelude)
			r := soon(t, "the request", api.began) // before anything is written
			if got := read(t, r.Body, len(test.wantHead)); got != test.wantHead {
				t.Errorf("it begins with %q, want %q", got, test.wantHead)
			}
			for _, piece := range []string{"a", "b", "\x00\xff", strings.Repeat("x", 1<<12)} {
				if n, err := s.Write([]byte(piece)); err != nil || n != len(piece) {
					t.Fatalf("wrote %d bytes of %d: %v", n, len(piece), err)
				}
				if got := read(t, r.Body, len(piece)); got != piece {
					t.Fatalf("got %q, want %q", got, piece)
				}
			}
			closed := closing(t, s, nil)
			if rest, err := io.ReadAll(r.Body); len(rest) > 0 || err != nil {
				t.Errorf("after the end: %q, %v", rest, err)
			}
			api.finish <- accept
			if err := soon(t, "Close", closed); err != nil {
				t.Error(err)
			}
			if r.RequestURI != "/2018-06-01/runtime/invocation/a%2Fb/response" || r.Method != http.MethodPost {
				t.Errorf("called %s %s", r.Method, r.RequestURI)
			}
			if r.ContentLength != -1 || !reflect.DeepEqual(r.TransferEncoding, []string{"chunked"}) {
				t.Errorf("content length %d, encoding %q", r.ContentLength, r.TransferEncoding)
			}
			for name, want := range map[string]string{
				"Content-Type":                          test.wantType,
				"Lambda-Runtime-Function-Response-Mode": "streaming",
				"Lambda-Runtime-Invocation-Id":          "echo",
				"User-Agent":                            "lambda-r-runtime/1.2.3",
			} {
				if got := r.Header.Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			// The trailers are declared first, and have no value in the end.
			want := http.Header{"Lambda-Runtime-Function-Error-Type": nil, "Lambda-Runtime-Function-Error-Body": nil}
			if !reflect.DeepEqual(r.Trailer, want) {
				t.Errorf("trailers are %q", r.Trailer)
			}
		})
	}
}

// A stream that breaks off has the reason in its trailers. The server accepts them however long
// the report is, and the connection is reused.
func TestStreamBreaksOff(t *testing.T) {
	reports := hugeReports()
	reports["a usual one"] = *report
	for name, r := range reports {
		t.Run(name, func(t *testing.T) {
			api := newFakeAPI(t, status(http.StatusAccepted, ""))
			c := newClient(t, api.address)
			for range 2 {
				s := c.RespondStream(&runtimeapi.Invocation{ID: "id"}, "", nil)
				if _, err := s.Write([]byte("so far")); err != nil {
					t.Fatal(err)
				}
				if err := s.Close(t.Context(), &r); err != nil {
					t.Fatal(err)
				}
			}
			if body := api.last(t).body; string(body) != "so far" {
				t.Errorf("the body is %q", body)
			}
			trailer := api.last(t).trailer
			if got := trailer.Get("Lambda-Runtime-Function-Error-Type"); got != r.HeaderType() {
				t.Errorf("the error type is %q, want %q", got, r.HeaderType())
			}
			text, err := base64.StdEncoding.DecodeString(trailer.Get("Lambda-Runtime-Function-Error-Body"))
			if err != nil {
				t.Fatal(err)
			}
			var got errorJSON
			strict(t, text, &got)
			checkCut(t, "message", got.Message, r.Message)
			checkCut(t, "type", got.Type, r.Type)
			if n := api.connectionCount(); n != 1 {
				t.Errorf("%d connections for two streams", n)
			}
		})
	}
}

// The longest report fits into the trailers that a Go server accepts.
func TestLongestTrailers(t *testing.T) {
	longest := runtimeapi.ErrorReport{Type: "Runtime." + strings.Repeat("A", 92), Message: strings.Repeat("m", 2000)}
	size := 0
	for n := range 4000 {
		r := longest
		r.Stack = []runtimeapi.StackFrame{{Label: strings.Repeat("f", n)}}
		if s := len(r.ShortBody()); s > size {
			size, longest = s, r
		}
	}
	api := newFakeAPI(t, status(http.StatusAccepted, ""))
	s := newClient(t, api.address).RespondStream(&runtimeapi.Invocation{ID: "id"}, "", nil)
	if err := s.Close(t.Context(), &longest); err != nil {
		t.Fatal(err)
	}
	got, trailer := 0, api.last(t).trailer
	for name, values := range trailer {
		got += len(name) + len(": \r\n") + len(values[0])
	}
	if len(trailer.Get(runtimeapi.HeaderErrorType)) != 100 || got < 3900 || got > 4000 {
		t.Errorf("%d bytes of trailers: want nearly 4000", got)
	}
}

// If the Runtime API answers before the end or goes away, Write and Close return that.
func TestStreamIsRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer func(http.ResponseWriter)
		want   string
	}{
		{"late", func(w http.ResponseWriter) { w.WriteHeader(http.StatusGone) }, "status 410"},
		{"accepted too early", accept, "before its end"},
		{"the connection breaks", func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, "POST /invocation/{id}/response"},
	} {
		t.Run(test.name, func(t *testing.T) {
			api := newStreamAPI(t)
			s := newClient(t, api.address).RespondStream(&runtimeapi.Invocation{ID: "id"}, "", nil)
			if _, err := s.Write([]byte("a")); err != nil {
				t.Fatal(err)
			}
			soon(t, "the request", api.began)
			api.finish <- test.answer
			failed := make(chan error, 1)
			go func() { // ends with the stream
				for {
					if _, err := s.Write(bytes.Repeat([]byte("x"), 1<<20)); err != nil {
						failed <- err
						return
					}
				}
			}()
			if err := soon(t, "an error of Write", failed); !strings.Contains(err.Error(), test.want) {
				t.Errorf("Write: %v, want %q", err, test.want)
			}
			err := s.Close(t.Context(), report)
			if test.name == "accepted too early" {
				return // both are an answer
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Close: %v, want %q", err, test.want)
			}
			if e, ok := errors.AsType[*runtimeapi.StatusError](err); ok != (test.name == "late") || ok && e.Status != 410 {
				t.Errorf("Close: %v", err)
			}
		})
	}
}

// A stream without a reader blocks its writer, which Cut and Close free.
func TestStreamIsCut(t *testing.T) {
	api := newStreamAPI(t)
	s := newClient(t, api.address).RespondStream(&runtimeapi.Invocation{ID: "id"}, "", nil)
	soon(t, "the request", api.began)
	type written struct {
		n   int
		err error
	}
	done := make(chan written, 1)
	piece := make([]byte, 64<<20) // far more than the kernel buffers
	go func() {                   // ends with the stream
		n, err := s.Write(piece)
		done <- written{n, err}
	}()
	late := errors.New("the deadline is near")
	s.Cut(late)
	s.Cut(errors.New("again")) // the first counts
	if w := soon(t, "the end of Write", done); w.err != late || w.n == len(piece) {
		t.Errorf("wrote %d bytes of %d that nobody reads: %v", w.n, len(piece), w.err)
	}
	// Close does not wait for ever, either.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := s.Close(ctx, report); !errors.Is(err, context.Canceled) {
		t.Errorf("Close: %v", err)
	}
	api.finish <- accept
}

// A stream that was cut ends properly if its reader continues.
func TestStreamIsCutAndRead(t *testing.T) {
	api := newStreamAPI(t)
	s := newClient(t, api.address).RespondStream(&runtimeapi.Invocation{ID: "id"}, "", nil)
	r := soon(t, "the request", api.began)
	if _, err := s.Write([]byte("a")); err != nil {
		t.Fatal(err)
	}
	s.Cut(io.ErrShortWrite)
	if _, err := s.Write([]byte("b")); err != io.ErrShortWrite {
		t.Errorf("Write: %v", err)
	}
	closed := closing(t, s, report)
	if body, err := io.ReadAll(r.Body); string(body) != "a" || err != nil {
		t.Errorf("got %q, %v", body, err)
	}
	if got := r.Trailer.Get(runtimeapi.HeaderErrorType); got != "Function.SimpleError" {
		t.Errorf("the error type is %q", got)
	}
	api.finish <- accept
	if err := soon(t, "Close", closed); err != nil {
		t.Error(err)
	}
}

func TestStreamToNobody(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	s := newClient(t, address).RespondStream(&runtimeapi.Invocation{ID: "id"}, "", nil)
	_, writeErr := s.Write([]byte("a"))
	closeErr := s.Close(t.Context(), nil)
	if writeErr == nil || closeErr == nil || fmt.Sprint(writeErr) != fmt.Sprint(closeErr) {
		t.Errorf("Write: %v; Close: %v", writeErr, closeErr)
	}
}
