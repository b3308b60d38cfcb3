package runtimeapi_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"lambda-r-runtime/protocol/runtimeapi"
)

// FuzzNext answers GET /next with any bytes. An invocation has an id and can be reported, even if
// its event was cut off; everything else is an error, and never a hang or a panic.
func FuzzNext(f *testing.F) {
	const id = "Lambda-Runtime-Aws-Request-Id: 1\r\n"
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\n" + id + "Content-Length: 2\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\n" + id + "Lambda-Runtime-Deadline-Ms: 9999999999999\r\nLambda-Runtime-Client-Context: {\"a\":\"\xff\"}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n1\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\n" + id + "Lambda-Runtime-Deadline-Ms: -1\r\nContent-Length: 99\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: \xff\r\nLambda-Runtime-Cognito-Identity: {\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 500 \r\nContent-Length: 1\r\n\r\nx", "HTTP/1.1 302 \r\nLocation: /\r\n\r\n",
		"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n", "\x00",
	} {
		f.Add([]byte(seed))
	}
	api := newRawAPI(f)
	polls, reports := api.client(f), api.client(f) // an answer may leave its connection unusable
	f.Fuzz(func(t *testing.T, answer []byte) {
		api.answer <- answer
		inv, err := polls.Next(t.Context())
		if (inv == nil) == (err == nil) {
			t.Fatalf("got %+v and the error %v", inv, err)
		}
		if cutOff, ok := errors.AsType[*runtimeapi.EventError](err); ok {
			inv = cutOff.Invocation
		} else if err != nil {
			return
		}
		if inv.ID == "" {
			t.Fatalf("got an invocation without an id: %+v", inv)
		}
		if err := reports.Respond(t.Context(), inv, []byte("1")); err != nil {
			t.Fatalf("the report of %q cannot be sent: %v", inv.ID, err)
		}
		path := strings.Split(<-api.reported, "/")
		if id, err := url.PathUnescape(path[len(path)-2]); err != nil || len(path) != 6 || id != inv.ID {
			t.Errorf("the report of %q went to %q", inv.ID, path)
		}
	})
}

// A rawAPI answers each GET with the next answer, byte by byte as it is, and accepts each POST.
type rawAPI struct {
	listener net.Listener
	answer   chan []byte
	reported chan string // the URIs of the POSTs
}

func newRawAPI(f *testing.F) *rawAPI {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	api := &rawAPI{listener, make(chan []byte, 1), make(chan string, 1)}
	ended := make(chan struct{})
	go func() { // the cleanup below waits for it
		defer close(ended)
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			api.serve(c)
		}
	}()
	f.Cleanup(func() {
		_ = listener.Close() // it has no more clients
		<-ended
	})
	return api
}

func (api *rawAPI) client(f *testing.F) *runtimeapi.Client {
	c, err := runtimeapi.NewClient(api.listener.Addr().String(), "1.2.3", 1)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(c.Close)
	return c
}

// serve answers one request and closes the connection, so that no answer runs into the next.
func (api *rawAPI) serve(c net.Conn) {
	defer c.Close()
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return // the client has left
	}
	answer := []byte("HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
	if r.Method == http.MethodPost {
		_, _ = io.Copy(io.Discard, r.Body) // a cut body fails the report
		api.reported <- r.RequestURI
	} else {
		answer = <-api.answer
	}
	_, _ = c.Write(answer) // the client may have left
}
