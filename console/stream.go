package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxStreams = 20                    // browsers at once
	pace       = 50 * time.Millisecond // between two messages of a stream
	writeLimit = 10 * time.Second      // for a browser to take a message
	heartbeat  = 15 * time.Second      // after which an idle stream shows that it lives
)

// A message has everything that has changed since another one.
type message struct {
	Now         float64      `json:"now"`
	Full        bool         `json:"full"` // it has everything: forget the rest
	Info        *Info        `json:"info,omitempty"`
	Init        *initFacts   `json:"init,omitempty"`
	Failure     *failure     `json:"failure,omitempty"`
	Slots       []slot       `json:"slots,omitempty"`
	Spans       []span       `json:"spans,omitempty"`
	Samples     []sample     `json:"samples,omitempty"`
	Lines       []line       `json:"lines,omitempty"`
	Invocations []invocation `json:"invocations,omitempty"`
}

// since returns what has changed since the change of this number, and the number of the last one.
// If nothing has, the message is nil, and wake is closed at the next change.
func (c *Console) since(seen uint64) (m *message, last uint64, wake <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if seen == c.seq {
		if c.wake == nil {
			c.wake = make(chan struct{})
		}
		return nil, seen, c.wake
	}
	m = &message{Now: ms(time.Now()), Full: seen == 0}
	if m.Full {
		m.Info = &c.config.Info
	}
	if c.init.seq > seen {
		init := c.init
		m.Init = &init
	}
	if c.failure.seq > seen {
		failure := c.failure
		m.Failure = &failure
	}
	for _, number := range slices.Sorted(maps.Keys(c.slots)) {
		if s := c.slots[number]; s.seq > seen {
			m.Slots = append(m.Slots, *s)
		}
	}
	for _, s := range c.spans {
		if s.seq > seen {
			m.Spans = append(m.Spans, *s)
		}
	}
	for _, inv := range c.order {
		if inv.seq > seen {
			m.Invocations = append(m.Invocations, *inv)
		}
	}
	m.Samples = changed(c.samples, func(s sample) bool { return s.seq > seen })
	m.Lines = changed(c.lines, func(l line) bool { return l.seq > seen })
	return m, c.seq, nil
}

// changed returns a copy of the end of a list from the first element that is new.
func changed[T any](list []T, isNew func(T) bool) []T {
	n := len(list)
	for n > 0 && isNew(list[n-1]) {
		n--
	}
	return slices.Clone(list[n:])
}

// serveEvents streams changes until the browser leaves or the console is closed.
func (c *Console) serveEvents(w http.ResponseWriter, r *http.Request) {
	defer c.streams.Add(-1)
	if c.streams.Add(1) > maxStreams {
		refuse(w, http.StatusServiceUnavailable, "too many consoles are open: close some")
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(w)
	send := func(text []byte) bool {
		// Without a deadline, a browser that reads nothing would hold this goroutine.
		_ = control.SetWriteDeadline(time.Now().Add(writeLimit)) // in tests w may be no connection
		_, err := w.Write(text)
		return err == nil && control.Flush() == nil
	}
	seen := c.position(r)
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	quiet := time.Now()
	c.measure()
	for {
		m, last, wake := c.since(seen)
		if m != nil {
			text, err := c.encode(m, last)
			if err != nil || !send(text) {
				return
			}
			seen, quiet = last, time.Now()
			if !c.pause(r, pace) {
				return
			}
			continue
		}
		select {
		case <-wake:
		case now := <-ticks.C:
			c.measure()
			if now.Sub(quiet) > heartbeat {
				quiet = now
				if !send([]byte(":\n\n")) {
					return
				}
			}
		case <-r.Context().Done():
			return
		case <-c.closed:
			return
		}
	}
}

// pause waits. It returns false if the stream has ended.
func (c *Console) pause(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
	case <-c.closed:
	}
	return false
}

// encode returns a message as an event. Its id is the position after it.
func (c *Console) encode(m *message, last uint64) ([]byte, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "id: %s-%d\ndata: %s\n\n", c.boot, last, text)
	return b.Bytes(), nil
}

// position returns the number of the last change that a browser has, or 0.
func (c *Console) position(r *http.Request) uint64 {
	id := r.Header.Get("Last-Event-ID")
	if id == "" {
		id = r.URL.Query().Get("after")
	}
	boot, number, _ := strings.Cut(id, "-")
	seen, err := strconv.ParseUint(number, 10, 64)
	if err != nil || boot != c.boot {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if seen > c.seq {
		return 0
	}
	return seen
}
