package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lambda-r-runtime/protocol/runtimeapi"
	"lambda-r-runtime/test/kit/lambda"
)

// A streamAPI is a Runtime API whose test reads the streams itself.
type streamAPI struct {
	t       *testing.T
	url     string
	timeout time.Duration
	events  chan string
	posts   chan *streamPost
	count   atomic.Int32
}

// A streamPost is a report that bootstrap is posting. Its handler returns when the test has
// answered.
type streamPost struct {
	*http.Request
	w      http.ResponseWriter
	answer chan int // the status
}

func newStreamAPI(t *testing.T, timeout time.Duration) *streamAPI {
	api := &streamAPI{t: t, timeout: timeout, events: make(chan string, 10), posts: make(chan *streamPost, 10)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+runtimeapi.PathNext, func(w http.ResponseWriter, r *http.Request) {
		select {
		case event := <-api.events:
			w.Header().Set(runtimeapi.HeaderRequestID, fmt.Sprintf("id-%d", api.count.Add(1)))
			w.Header().Set(runtimeapi.HeaderDeadlineMs, strconv.FormatInt(time.Now().Add(timeout).UnixMilli(), 10))
			_, _ = io.WriteString(w, event)
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		// Otherwise the server reads the body before it answers.
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		p := &streamPost{r, w, make(chan int, 1)}
		api.posts <- p
		status := <-p.answer
		if status == 0 {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(status)
	})
	api.url = lambda.Serve(t, mux)
	return api
}

// start starts bootstrap with a handler of testdata/streams.R.
func (api *streamAPI) start(handler string, env ...string) *program {
	api.t.Helper()
	return start(api.t, "", lambda.Env(api.url, "streams."+handler, env...))
}

// invoke returns the post that answers the event.
func (api *streamAPI) invoke(event string) *streamPost {
	api.t.Helper()
	api.events <- event
	select {
	case p := <-api.posts:
		return p
	case <-time.After(patience):
		api.t.Fatal("nothing was posted")
		return nil
	}
}

// isStream fails the test unless the post is a streamed response.
func (p *streamPost) isStream(t *testing.T) *streamPost {
	t.Helper()
	if !strings.HasSuffix(p.URL.Path, "/response") || p.Header.Get(runtimeapi.HeaderResponseMode) != "streaming" {
		body, _ := io.ReadAll(p.Body)
		p.answer <- http.StatusAccepted
		t.Fatalf("no stream, but a post to %s: %s", p.URL.Path, body)
	}
	return p
}

// rest reads the rest of the stream, accepts it, and returns the error in its trailers.
func (p *streamPost) rest(t *testing.T) (string, functionError) {
	t.Helper()
	body, err := io.ReadAll(p.Body)
	if err != nil {
		t.Errorf("after %d bytes: %v", len(body), err)
	}
	p.answer <- http.StatusAccepted
	var e functionError
	if text := p.Trailer.Get(runtimeapi.HeaderErrorBody); text != "" {
		decoded, err := base64.StdEncoding.DecodeString(text)
		if err != nil || json.Unmarshal(decoded, &e) != nil {
			t.Errorf("the error trailer is %q", text)
		}
	}
	return string(body), e
}

// A line arrives at the Runtime API before R writes the next one.
func TestStreamOfLines(t *testing.T) {
	api := newStreamAPI(t, 20*time.Second)
	p := api.start("lines")
	post := api.invoke(`{}`).isStream(t)
	if got := post.Header.Get("Content-Type"); got != "text/csv" {
		t.Errorf("content type %q", got)
	}
	if got, e := post.rest(t); got != "line 1\nline 2\nline 3\n" || e.Type != "" {
		t.Errorf("got %q, %+v", got, e)
	}
	p.waitFor(`line 3.*request_id=id-1`)

	post = api.invoke(httpEvent(t, "GET", "/", "", "")).isStream(t)
	if got := post.Header.Get("Content-Type"); got != "application/vnd.awslambda.http-integration-response" {
		t.Errorf("content type %q", got)
	}
	want := `{"statusCode":201,"headers":{"Content-Type":"text/csv","X-A":"b"},"cookies":["s=1"]}` +
		"\x00\x00\x00\x00\x00\x00\x00\x00line 1\nline 2\nline 3\n"
	if got, e := post.rest(t); got != want || e.Type != "" {
		t.Errorf("got %q, %+v", got, e)
	}
}

func TestEmptyStream(t *testing.T) {
	api := newStreamAPI(t, 20*time.Second)
	api.start("empty")
	if got, e := api.invoke(`{}`).isStream(t).rest(t); got != "" || e.Type != "" {
		t.Errorf("got %q, %+v", got, e)
	}
	want := `{"statusCode":200,"headers":{"Content-Type":"text/plain; charset=utf-8"}}` + "\x00\x00\x00\x00\x00\x00\x00\x00"
	if got, e := api.invoke(httpEvent(t, "GET", "/", "", "")).isStream(t).rest(t); got != want || e.Type != "" {
		t.Errorf("got %q, %+v", got, e)
	}
}

// R writes no faster than the caller reads, so little is buffered.
func TestStreamGoesAsFastAsItIsRead(t *testing.T) {
	const mb = 64
	api := newStreamAPI(t, 60*time.Second)
	p := api.start("run", "LOG_LEVEL=debug")
	post := api.invoke(call("chunks", fmt.Sprintf(`{"n": %d}`, mb))).isStream(t)
	p.waitFor("stream begun")
	var read int64
	buf := make([]byte, 1<<20)
	for read < mb<<20 {
		n, err := post.Body.Read(buf)
		if read += int64(n); err != nil {
			if err != io.EOF {
				t.Error(err)
			}
			break
		}
		if rest := int64(mb<<20) - read; rest > 32<<20 && strings.Contains(p.output(), "type=end") {
			t.Fatalf("R was done when %d bytes of it were not yet read", rest)
		}
	}
	if _, e := post.rest(t); read != mb<<20 || e.Type != "" {
		t.Errorf("got %d bytes, %+v", read, e)
	}
	p.waitFor(fmt.Sprintf(`type=end chunks=%d bytes=%d`, mb, mb<<20))
}

// An error after the first part of a stream is reported at its end. The worker is kept if it is
// sound.
func TestStreamFailures(t *testing.T) {
	api := newStreamAPI(t, 3*time.Second)
	api.start("run")
	for _, test := range []struct {
		fail, typ, message string
		kept               bool
	}{
		{"stop", "simpleError", "100%s of %d {x}", true},
		{"quit", "Runtime.WorkerCrashed", "exited with status 3", false},
		{"segfault", "Runtime.WorkerCrashed", "SIGSEGV", false},
		{"hang", "Runtime.InvocationTimeout", "before its deadline; it was in f(write) (streams.R:", false},
		{"write", "Runtime.InvocationTimeout", "before its deadline", false},
	} {
		t.Run(test.fail, func(t *testing.T) {
			before := api.pid()
			post := api.invoke(call("lines", fmt.Sprintf(`{"n": 1, "fail": %q}`, test.fail))).isStream(t)
			got, e := post.rest(t)
			if !strings.HasPrefix(got, "line 1\n") || e.Type != test.typ || !strings.Contains(e.Message, test.message) {
				t.Errorf("got %.20q, %+v", got, e)
			}
			want := "Function.SimpleError"
			if test.fail != "stop" {
				want = test.typ
			}
			if got := post.Trailer.Get(runtimeapi.HeaderErrorType); got != want {
				t.Errorf("the error type is %q, want %q", got, want)
			}
			if test.fail == "stop" && len(e.Stack) == 0 {
				t.Errorf("the error has no stack: %+v", e)
			}
			if after := api.pid(); (after == before) != test.kept {
				t.Errorf("worker %s, then %s; kept: want %v", before, after, test.kept)
			}
		})
	}
}

// pid returns the worker's process id.
func (api *streamAPI) pid() string {
	api.t.Helper()
	post := api.invoke(call("pid", `{}`))
	body, err := io.ReadAll(post.Body)
	post.answer <- http.StatusAccepted
	if _, convErr := strconv.Atoi(string(body)); err != nil || convErr != nil {
		api.t.Fatalf("got %q, %v", body, err)
	}
	return string(body)
}

// An error before the first write is reported like any other.
func TestStreamThatNeverBegins(t *testing.T) {
	api := newStreamAPI(t, 20*time.Second)
	api.start("fails")
	post := api.invoke(`{}`)
	body, _ := io.ReadAll(post.Body)
	post.answer <- http.StatusAccepted
	if !strings.HasSuffix(post.URL.Path, "/error") || !strings.Contains(string(body), "too early") {
		t.Errorf("posted to %s: %s", post.URL.Path, body)
	}
	post = api.invoke(httpEvent(t, "GET", "/", "", ""))
	body, _ = io.ReadAll(post.Body)
	post.answer <- http.StatusAccepted
	if !strings.HasSuffix(post.URL.Path, "/response") || !strings.Contains(string(body), `"statusCode":500`) {
		t.Errorf("posted to %s: %s", post.URL.Path, body)
	}
}

// A reader that stops reading does not keep the worker beyond the deadline.
func TestStreamOfSlowReader(t *testing.T) {
	api := newStreamAPI(t, 2*time.Second)
	p := api.start("run")
	post := api.invoke(call("chunks", `{"n": 200}`)).isStream(t)
	deadline := time.Now().Add(2 * time.Second)
	p.waitFor(`Runtime.InvocationTimeout`)
	if late := time.Since(deadline); late > 0 {
		t.Errorf("the timeout was logged %s after the deadline", late)
	}
	// If it reads on, it gets the error.
	got, e := post.rest(t)
	if len(got) == 0 || e.Type != "Runtime.InvocationTimeout" || !strings.HasSuffix(e.Message, "it was in write(raw(size)) (streams.R:6)") {
		t.Errorf("got %d bytes, %+v", len(got), e)
	}
	if pid := api.pid(); pid == "" {
		t.Error("the next invocation was not served")
	}
}

// R gets an error if the Runtime API accepts no more of a stream, and the next invocation is
// served.
func TestStreamOfCallerWhoHasGone(t *testing.T) {
	for name, status := range map[string]int{"refused": http.StatusGone, "connection broken": 0} {
		t.Run(name, func(t *testing.T) {
			api := newStreamAPI(t, 20*time.Second)
			p := api.start("run")
			before := api.pid()
			post := api.invoke(call("stubborn", `{}`)).isStream(t)
			if _, err := io.ReadFull(post.Body, make([]byte, 100)); err != nil {
				t.Fatal(err)
			}
			post.answer <- status
			p.waitFor(`closed: the stream is closed: POST /invocation/\{id\}/response`)
			p.waitFor(`report not accepted.*request_id=id-2`)
			if after := api.pid(); after != before {
				t.Errorf("the worker was replaced")
			}
		})
	}
}
