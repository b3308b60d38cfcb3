package emulator_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/emulator/front"
)

// A client that writes its whole body before it reads gets the 413, and then a closed
// connection.
func TestClientThatWritesBeforeItReads(t *testing.T) {
	const size = 24 << 20
	l := listen(t, emulator.Config{HTTP: front.FunctionURL})
	chunk := strings.Repeat("x", 1<<20)
	for _, path := range []string{invocations, streamingInvocations, "/"} {
		for _, chunked := range []bool{false, true} {
			conn := dial(t, l.server)
			header, format := fmt.Sprintf("Content-Length: %d", size), "%s"
			if chunked {
				header, format = "Transfer-Encoding: chunked", "100000\r\n%s\r\n"
			}
			if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n\r\n", path, header); err != nil {
				t.Fatal(err)
			}
			for range size / len(chunk) {
				if _, err := fmt.Fprintf(conn, format, chunk); err != nil {
					t.Fatalf("%s, chunked %v: the connection broke: %v", path, chunked, err)
				}
			}
			if chunked {
				if _, err := io.WriteString(conn, "0\r\n\r\n"); err != nil {
					t.Fatal(err)
				}
			}
			answer, err := io.ReadAll(conn)
			if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 413 ") {
				t.Errorf("%s, chunked %v: got %q, %v", path, chunked, answer, err)
			}
		}
	}
}

// A client that asks for permission to send too large a body gets the 413 without sending it.
func TestClientThatExpectsPermission(t *testing.T) {
	l := listen(t, emulator.Config{})
	conn := dial(t, l.server)
	_, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", invocations, 24<<20)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 413 ") || !strings.Contains(string(answer), "RequestTooLargeException") {
		t.Errorf("got %q, %v", answer, err)
	}
}

// A pipeListener accepts one connection, a pipe with the clock of a synctest bubble.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipeListener) Close() error   { close(p.closed); return nil }
func (p *pipeListener) Addr() net.Addr { return &net.UnixAddr{Net: "pipe"} }

// dialPipe connects to a server for e in the bubble.
func dialPipe(t *testing.T, e *emulator.Emulator) net.Conn {
	client, server := net.Pipe()
	l := &pipeListener{make(chan net.Conn, 1), make(chan struct{})}
	l.conns <- server
	s := &http.Server{Handler: e}
	ended := make(chan struct{})
	go func() { // waited for by the clean-up
		_ = s.Serve(l) // it returns when it is closed
		close(ended)
	}()
	t.Cleanup(func() {
		client.Close()
		s.Close()
		<-ended
	})
	return client
}

// A body has 30 seconds to arrive.
func TestSlowBody(t *testing.T) {
	for _, path := range []string{invocations, "/"} {
		synctest.Test(t, func(t *testing.T) {
			conn := dialPipe(t, newInBubble(emulator.Config{HTTP: front.FunctionURL}))
			start := time.Now()
			if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n1", path); err != nil {
				t.Fatal(err)
			}
			status := readStatus(t, conn)
			if took := time.Since(start); status != http.StatusRequestTimeout || took != 30*time.Second {
				t.Errorf("%s: got status %d after %v, want 408 after 30s", path, status, took)
			}
		})
	}
}

// The time limit of a body is not one of the invocation.
func TestSlowFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newInBubble(emulator.Config{Timeout: time.Hour})
		conn := dialPipe(t, e)
		if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n1", invocations); err != nil {
			t.Fatal(err)
		}
		id, _ := poll(t, e)
		time.Sleep(time.Hour - time.Second)
		if got := respond(t, e, id, `"done"`); got != http.StatusAccepted {
			t.Errorf("the report got status %d", got)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if body, err := io.ReadAll(resp.Body); err != nil || string(body) != `"done"` {
			t.Errorf("got %s, %v", body, err)
		}
	})
}

// The events in the queue have 128 MB at most, and take no more memory than that.
func TestMemoryOfTheQueue(t *testing.T) {
	const megabytes = 1
	payload := strings.Repeat("1", megabytes<<20)
	submit := func(e *emulator.Emulator) int {
		return call(t.Context(), e, http.MethodPost, invocations, map[string]string{"X-Amz-Invocation-Type": "Event"}, payload).Code
	}
	heap := func() int64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapAlloc)
	}
	e := emulator.New(emulator.Config{})
	before, accepted := heap(), 0
	for accepted < 200 && submit(e) == http.StatusAccepted {
		accepted++
	}
	if want := 128 / megabytes; accepted != want {
		t.Errorf("%d events were accepted, want %d", accepted, want)
	}
	if grown := (heap() - before) >> 20; grown > 140 {
		t.Errorf("the heap grew by %d MB", grown)
	}
	serve := func() {
		id, _ := poll(t, e)
		respond(t, e, id, "1")
	}
	serve()
	if status := submit(e); status != http.StatusAccepted {
		t.Errorf("with room again, an event got status %d", status)
	}
	for range accepted {
		serve()
	}
	if grown := (heap() - before) >> 20; grown > 20 {
		t.Errorf("the heap is still larger by %d MB when all events are served", grown)
	}
	runtime.KeepAlive(e)
}

// A stalledBody has n bytes, and then blocks until ctx ends.
type stalledBody struct {
	ctx context.Context
	n   int
}

func (s *stalledBody) Read(p []byte) (int, error) {
	if s.n == 0 {
		<-s.ctx.Done()
		return 0, s.ctx.Err()
	}
	n := min(len(p), s.n)
	s.n -= n
	return n, nil
}

// The bodies that are being read have 128 MB at most.
func TestMemoryOfBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newInBubble(emulator.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		post := func(body io.Reader) int {
			w := httptest.NewRecorder()
			e.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, invocations, io.NopCloser(body)))
			return w.Code
		}
		const stalled = 21 // with 126 MB
		statuses := make(chan int, stalled)
		for range stalled {
			go func() { statuses <- post(&stalledBody{ctx, 6<<20 - 1}) }() // received below
		}
		synctest.Wait()
		if got := post(strings.NewReader(strings.Repeat("1", 6<<20))); got != http.StatusTooManyRequests {
			t.Errorf("another body got status %d, want 429", got)
		}
		cancel()
		for range stalled {
			if got := <-statuses; got != http.StatusBadRequest {
				t.Errorf("a body that broke off got status %d, want 400", got)
			}
		}
		event(t, e, strings.Repeat("1", 1<<20)) // there is room again
	})
}
