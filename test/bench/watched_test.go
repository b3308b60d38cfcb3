package bench

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/emulator/faulty"
)

// A watched is a bootstrap of which every call of the Runtime API is noted.
type watched struct {
	*runtime
	client  *http.Client
	started time.Time

	mu    sync.Mutex
	calls []call
	more  chan struct{} // closed and made anew at each call
}

// A call is one of the Runtime API that has begun, or ended.
type call struct {
	faulty.Call
	at time.Time
}

// startWatched starts program with a handler of a folder. Fault is faulty.Handler's, or nil.
func startWatched(b *testing.B, program, dir, handler string, fault func(faulty.Call) faulty.Fault, env ...string) *watched {
	b.Helper()
	r := &watched{more: make(chan struct{}), client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}}
	api := &faulty.Handler{
		Next: emulator.New(emulator.Config{Timeout: 30 * time.Second}), Fault: fault, Observe: r.observe,
	}
	r.started = time.Now()
	r.runtime = startWith(b, program, dir, handler, api, env...)
	return r
}

func (r *watched) observe(c faulty.Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, call{c, time.Now()})
	close(r.more)
	r.more = make(chan struct{})
}

// await waits for the nth call of op, counted from 1, to begin or to end, and returns
// when it did.
func (r *watched) await(b *testing.B, op string, ended bool, n int) time.Time {
	b.Helper()
	for deadline := time.After(time.Minute); ; {
		r.mu.Lock()
		more, seen := r.more, 0
		for _, c := range r.calls {
			if c.Op == op && c.Ended == ended {
				if seen++; seen == n {
					defer r.mu.Unlock()
					return c.at
				}
			}
		}
		r.mu.Unlock()
		select {
		case <-more:
		case <-deadline:
			b.Fatalf("%d calls of %s, want %d\n%s", seen, op, n, r.log.String())
		}
	}
}

// invoke invokes the function once, which must give the result want, and returns how long
// it took.
func (r *watched) invoke(b *testing.B, event, want string) time.Duration {
	b.Helper()
	took, err := r.request(event, want)
	if err != nil {
		b.Fatalf("%v\n%s", err, r.log.String())
	}
	return took
}

func (r *watched) request(event, want string) (time.Duration, error) {
	begin := time.Now()
	resp, err := r.client.Post(r.server.URL+"/2015-03-31/functions/function/invocations", "application/json", strings.NewReader(event))
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	took := time.Since(begin)
	if err == nil && string(body) != want {
		err = fmt.Errorf("got %.200s, want %.200s", body, want)
	}
	return took, err
}

// throughput is how many invocations with an empty event the function answers in a
// second while clients ask, each for one at a time: what it takes from one answer to the
// nth after it, in the middle of them.
func (r *watched) throughput(b *testing.B, n, clients int, want string) float64 {
	answers := make(chan time.Time)
	enough := make(chan struct{})
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for {
				if _, err := r.request(`{}`, want); err != nil {
					b.Error(err)
				}
				select {
				case answers <- time.Now():
				case <-enough:
					return
				}
			}
		})
	}
	var begin time.Time
	for range clients {
		begin = <-answers
	}
	var end time.Time
	for range n {
		end = <-answers
	}
	close(enough)
	all.Wait()
	return float64(n) / end.Sub(begin).Seconds()
}

// A logBuffer keeps what a process prints.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
