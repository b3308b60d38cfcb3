package bench

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"lambda-r-runtime/protocol/runtimeapi"
)

// A streamAPI is a Runtime API that reads streamed responses at its own pace.
type streamAPI struct {
	events chan string
	taken  chan int64 // the size of each response, in bytes

	piece int           // how much is read at once, in bytes
	pause time.Duration // after each
}

func (api *streamAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == runtimeapi.PathNext {
		select {
		case event := <-api.events:
			w.Header().Set(runtimeapi.HeaderRequestID, "id")
			_, _ = io.WriteString(w, event)
		case <-r.Context().Done():
		}
		return
	}
	var size int64
	for {
		n, err := io.CopyN(io.Discard, r.Body, int64(api.piece))
		size += n
		if err != nil {
			break
		}
		time.Sleep(api.pause) // the reader is this slow
	}
	w.WriteHeader(http.StatusAccepted)
	if r.Header.Get(runtimeapi.HeaderResponseMode) != runtimeapi.ModeStreaming {
		size = -1
	}
	api.taken <- size
}

// stream invokes the function, which must stream want bytes, and returns how long that took.
func (api *streamAPI) stream(b testing.TB, r *runtime, event string, want int64) time.Duration {
	b.Helper()
	begin := time.Now()
	api.events <- event
	select {
	case got := <-api.taken:
		if got != want {
			b.Fatalf("got %d bytes, want %d\n%s", got, want, r.Output.String())
		}
	case <-time.After(2 * time.Minute):
		b.Fatalf("no stream\n%s", r.Output.String())
	}
	return time.Since(begin)
}

func startStreaming(b testing.TB, pause time.Duration) (*streamAPI, *runtime) {
	b.Helper()
	api := &streamAPI{events: make(chan string, 1), taken: make(chan int64, 1), piece: 256 << 10, pause: pause}
	r := startWith(b, build(b, "cmd/bootstrap"), "testdata", "streams.stream", api)
	return api, r
}

// A stream uses a buffer or two of bootstrap's memory, no matter how long it is and how slow its
// reader.
func TestStreamMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("needs R")
	}
	for _, pause := range []time.Duration{0, 2 * time.Millisecond} {
		t.Run(fmt.Sprintf("pause %s", pause), func(t *testing.T) {
			api, r := startStreaming(t, pause)
			defer r.stop(t)
			api.stream(t, r, `{"n": 1}`, 57) // until the runtime is ready
			before, _ := r.residentMB(t)
			took := api.stream(t, r, `{"mb": 200}`, 200<<20)
			_, peak := r.residentMB(t)
			t.Logf("%.1f MB before, %.1f MB at the peak, in %.1f s", before, peak, took.Seconds())
			if peak-before >= 10 {
				t.Errorf("bootstrap grew by %.1f MB for a stream of 200 MB", peak-before)
			}
		})
	}
}

// BenchmarkStream measures the throughput of a stream, and how long write() of a line takes until
// the Runtime API has the line.
func BenchmarkStream(b *testing.B) {
	api, r := startStreaming(b, 0)
	defer r.stop(b)
	api.stream(b, r, `{"n": 1}`, 57)
	before, _ := r.residentMB(b)
	var large, lines []time.Duration
	for b.Loop() {
		large = append(large, api.stream(b, r, `{"mb": 200}`, 200<<20))
		lines = append(lines, api.stream(b, r, `{"n": 5000}`, 5000*57))
	}
	_, peak := r.residentMB(b)
	b.ReportMetric(200/(quantile(large, 0.5)/1000), "p50-MB/s")
	b.ReportMetric(quantile(lines, 0.5)/5000*1000, "p50-write-us")
	b.ReportMetric(peak-before, "growth-MB")
}
