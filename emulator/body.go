package emulator

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

// Limits of the events of callers. Lambda has the first two (AWS documentation, "Lambda quotas");
// the others bound the memory and the connections that callers can occupy.
const (
	maxEvent    = 6 << 20          // bytes
	maxAsync    = 1 << 20          // bytes of the event of an asynchronous invocation
	maxWaiting  = 128 << 20        // bytes of all events in the queue
	maxReading  = 128 << 20        // bytes of all bodies that are being read
	bodyTimeout = 30 * time.Second // for a body to arrive
)

// readEvent reads the body of a request. If that fails, it returns the status with which to
// refuse the request: 413 if the body is too large, 429 if too many bodies are being read,
// 408 if it does not arrive in time, or 400.
func (e *Emulator) readEvent(w http.ResponseWriter, r *http.Request) (body []byte, status int) {
	if r.ContentLength > maxEvent {
		return nil, http.StatusRequestEntityTooLarge
	}
	// In tests w may not be a connection, which has no deadline.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTimeout))
	counted := &countedReader{r: http.MaxBytesReader(w, r.Body, maxEvent), e: e}
	body, err := io.ReadAll(counted)
	e.reading.Add(-counted.n)
	_, tooLarge := errors.AsType[*http.MaxBytesError](err)
	switch {
	case err == nil:
		// The server continues to read to detect a caller that leaves.
		_ = control.SetReadDeadline(time.Time{})
		return body, 0
	case tooLarge:
		return nil, http.StatusRequestEntityTooLarge
	case errors.Is(err, errTooManyBytes):
		return nil, http.StatusTooManyRequests
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, http.StatusRequestTimeout
	default:
		return nil, http.StatusBadRequest
	}
}

var errTooManyBytes = errors.New("too many bytes are being read")

// A countedReader adds what it reads to e.reading, and fails at maxReading.
type countedReader struct {
	r io.Reader
	e *Emulator
	n int64 // its part of e.reading
}

func (c *countedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if c.e.reading.Add(int64(n)) > maxReading {
		return n, errTooManyBytes
	}
	return n, err
}

// refuseUnread sends a refusal and then drops the rest of the body, for up to bodyTimeout.
// Clients that write the whole body before they read would otherwise find the connection
// broken instead of the refusal.
func refuseUnread(w http.ResponseWriter, r *http.Request, refuse func()) {
	control := http.NewResponseController(w)
	w.Header().Set("Connection", "close")
	refuse()
	_ = control.Flush() // in tests w may not be a connection
	if r.Header.Get("Expect") != "" {
		return // the client waits for permission and sends no body
	}
	_ = control.SetReadDeadline(time.Now().Add(bodyTimeout))
	_, _ = io.Copy(io.Discard, r.Body) // the refusal has been sent
}
