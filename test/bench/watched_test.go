package bench

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/emulator/faulty"
	"lambda-r-runtime/test/kit/lambda"
)

// A watched is a bootstrap of which every call of the Runtime API is recorded.
type watched struct {
	*runtime
	*lambda.Recorder
	client  *http.Client
	started time.Time
}

// startWatched starts program with a handler of a folder. Fault is faulty.Handler's, or nil.
func startWatched(b *testing.B, program, dir, handler string, fault func(faulty.Call) faulty.Fault, env ...string) *watched {
	b.Helper()
	r := &watched{
		Recorder: lambda.Record(emulator.New(emulator.Config{Timeout: 30 * time.Second}), fault),
		client:   &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}},
		started:  time.Now(),
	}
	r.runtime = startWith(b, program, dir, handler, r.Recorder, env...)
	return r
}

// await waits for n calls that keep keeps and returns the time of the last.
func (r *watched) await(b *testing.B, n int, keep func(lambda.Call) bool) time.Time {
	b.Helper()
	calls := r.Await(time.Minute, n, keep)
	if len(calls) < n {
		b.Fatalf("%d calls, want %d\n%s", len(calls), n, r.Output.String())
	}
	return calls[n-1].At
}

// invoke invokes the function, whose result must be want, and returns how long it took.
func (r *watched) invoke(b *testing.B, event, want string) time.Duration {
	b.Helper()
	took, err := r.request(event, want)
	if err != nil {
		b.Fatalf("%v\n%s", err, r.Output.String())
	}
	return took
}

func (r *watched) request(event, want string) (time.Duration, error) {
	begin := time.Now()
	body, err := r.answer(event)
	took := time.Since(begin)
	if err == nil && body != want {
		err = fmt.Errorf("got %.200s, want %.200s", body, want)
	}
	return took, err
}

// answer invokes the function and returns its result.
func (r *watched) answer(event string) (string, error) {
	resp, err := r.client.Post(r.url+lambda.InvokePath, "application/json", strings.NewReader(event))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

// throughput returns the invocations per second that the function answers while clients each send
// one after the other. It counts from the answer at which all clients are busy to the nth after
// it.
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
