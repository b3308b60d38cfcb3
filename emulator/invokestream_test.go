package emulator_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/emulator/front"
	"lambda-r-runtime/protocol/runtimeapi"
)

// streamingInvocations is the path of InvokeWithResponseStream.
const streamingInvocations = "/2021-11-15/functions/function/response-streaming-invocations"

// An sdkStream is a stream read with AWS's SDK.
type sdkStream struct {
	t      *testing.T
	out    *lambda.InvokeWithResponseStreamOutput
	stream *lambda.InvokeWithResponseStreamEventStream
}

// sdkStream invokes the function with AWS's SDK, and calls during while that is in progress.
func (l *listener) sdkStream(t *testing.T, in lambda.InvokeWithResponseStreamInput, during func()) *sdkStream {
	t.Helper()
	in.FunctionName = aws.String("function")
	got := make(chan *lambda.InvokeWithResponseStreamOutput, 1)
	go func() { // received below
		defer close(got)
		out, err := newSDK(l).InvokeWithResponseStream(t.Context(), &in)
		if err != nil {
			t.Errorf("InvokeWithResponseStream: %v", err)
			return
		}
		got <- out
	}()
	during()
	out := receive(t, got)
	s := &sdkStream{t, out, out.GetStream()}
	t.Cleanup(func() { s.stream.Close() })
	return s
}

// chunk returns the next chunk.
func (s *sdkStream) chunk() string {
	s.t.Helper()
	e, ok := receive(s.t, s.stream.Events()).(*types.InvokeWithResponseStreamResponseEventMemberPayloadChunk)
	if !ok {
		s.t.Fatal("the next event is not a chunk")
	}
	return string(e.Value.Payload)
}

// complete returns the remaining chunks and the final event.
func (s *sdkStream) complete() (string, types.InvokeWithResponseStreamCompleteEvent) {
	s.t.Helper()
	var rest strings.Builder
	var last *types.InvokeWithResponseStreamCompleteEvent
	for e := range s.stream.Events() {
		switch e := e.(type) {
		case *types.InvokeWithResponseStreamResponseEventMemberPayloadChunk:
			rest.Write(e.Value.Payload)
		case *types.InvokeWithResponseStreamResponseEventMemberInvokeComplete:
			last = &e.Value
		}
	}
	if err := s.stream.Err(); err != nil {
		s.t.Fatal(err)
	}
	if last == nil {
		s.t.Fatal("the stream was not completed")
	}
	return rest.String(), *last
}

// checkError checks that a stream ends with an error.
func (s *sdkStream) checkError(code, details string) {
	s.t.Helper()
	_, last := s.complete()
	if aws.ToString(last.ErrorCode) != code || !strings.Contains(aws.ToString(last.ErrorDetails), details) {
		s.t.Errorf("got %s %s", aws.ToString(last.ErrorCode), aws.ToString(last.ErrorDetails))
	}
}

// Each chunk reaches the caller before the runtime writes another.
func TestSDKStream(t *testing.T) {
	l := listen(t, emulator.Config{})
	var u *upload
	var id string
	s := l.sdkStream(t, lambda.InvokeWithResponseStreamInput{LogType: types.LogTypeTail, Payload: []byte(`{"é":1}`)}, func() {
		inv := next(t, l.client(t))
		if string(inv.Event) != `{"é":1}` {
			t.Errorf("the event is %s", inv.Event)
		}
		id = inv.ID
		u = l.stream(t, id, "text/csv")
	})
	if s.out.StatusCode != 200 || aws.ToString(s.out.ExecutedVersion) != "$LATEST" ||
		aws.ToString(s.out.ResponseStreamContentType) != "application/vnd.amazon.eventstream" {
		t.Errorf("got %+v", s.out)
	}
	for _, text := range []string{"a", "bé", "\x00\xff"} {
		u.write(text)
		if got := s.chunk(); got != text {
			t.Errorf("got %q, want %q", got, text)
		}
	}
	l.AppendLog(id, []byte("hello\n"))
	if status := u.close(); status != http.StatusAccepted {
		t.Errorf("the POST got %d", status)
	}
	rest, last := s.complete()
	if rest != "" || last.ErrorCode != nil || last.ErrorDetails != nil {
		t.Errorf("got %q, then %+v", rest, last)
	}
	tail, err := base64.StdEncoding.DecodeString(aws.ToString(last.LogResult))
	if err != nil || !strings.Contains(string(tail), "\nhello\nEND RequestId: "+id+"\nREPORT ") {
		t.Errorf("the log is %q, %v", tail, err)
	}
}

func TestContentTypeOfAStream(t *testing.T) {
	l := listen(t, emulator.Config{})
	d := l.download(t, http.MethodPost, streamingInvocations, func() {
		l.stream(t, next(t, l.client(t)).ID, withPrelude).close()
	})
	if h := d.resp.Header; h.Get("X-Amzn-Remapped-Content-Type") != withPrelude || h.Get("X-Amzn-Requestid") == "" {
		t.Errorf("got %v", h)
	}
}

// A response that is not streamed is sent as chunks as well.
func TestSDKStreamOfABufferedResponse(t *testing.T) {
	l := listen(t, emulator.Config{})
	l.startRuntime(t, 1, func(inv *runtimeapi.Invocation) ([]byte, *runtimeapi.ErrorReport) {
		return []byte(strings.Repeat("x", len(inv.Event)-2)), nil
	})
	for _, size := range []int{0, 1, 5 << 20} {
		s := l.sdkStream(t, lambda.InvokeWithResponseStreamInput{Payload: []byte(`"` + strings.Repeat("e", size) + `"`)}, func() {})
		body, last := s.complete()
		if len(body) != size || last.ErrorCode != nil || last.LogResult != nil {
			t.Errorf("got %d bytes, then %+v", len(body), last)
		}
	}
}

// The final event carries an error, whether it came before the stream or during it.
func TestSDKStreamErrors(t *testing.T) {
	failure := &runtimeapi.ErrorReport{Type: "simpleError", Message: "m"}
	none := lambda.InvokeWithResponseStreamInput{}
	l := listen(t, emulator.Config{})
	c := l.client(t)
	l.sdkStream(t, none, func() {
		if err := c.InvocationError(t.Context(), next(t, c), failure); err != nil {
			t.Error(err)
		}
	}).checkError("Unhandled", string(failure.Body()))

	for _, written := range []string{"", "a"} {
		s := l.sdkStream(t, none, func() {
			u := l.stream(t, next(t, c).ID, "")
			u.write(written)
			u.fail("Function.Boom", string(failure.Body()))
		})
		if written != "" && s.chunk() != written {
			t.Error("the caller did not get what came before the error")
		}
		s.checkError("Function.Boom", string(failure.Body()))
	}

	s := l.sdkStream(t, none, func() {
		u := l.stream(t, next(t, c).ID, "")
		u.write("a")
		u.body.CloseWithError(io.ErrUnexpectedEOF)
		u.end()
	})
	s.checkError("Runtime.TruncatedResponse", "broke")

	l = listen(t, emulator.Config{Timeout: 100 * time.Millisecond})
	l.sdkStream(t, none, func() { next(t, l.client(t)) }).checkError("Sandbox.Timedout", "Task timed out after 0.10 seconds")
	l.sdkStream(t, none, func() {
		u := l.stream(t, next(t, l.client(t)).ID, "")
		u.write("a")
		u.checkRefused(http.StatusGone, "deadline")
	}).checkError("Sandbox.Timedout", "Task timed out after 0.10 seconds")

	l = listen(t, emulator.Config{})
	if err := l.client(t).InitError(t.Context(), failure); err != nil {
		t.Fatal(err)
	}
	l.sdkStream(t, none, func() {}).checkError("Unhandled", string(failure.Body()))
}

func TestStreamingInvocationTypes(t *testing.T) {
	l := listen(t, emulator.Config{Limit: 1})
	post := func(kind string, payload io.Reader) result {
		return l.post(t, streamingInvocations, map[string]string{"X-Amz-Invocation-Type": kind}, payload)
	}
	if got := post("DryRun", nil); got.status != http.StatusNoContent || got.body != "" {
		t.Errorf("DryRun: got %+v", got)
	}
	checkException(t, post("Event", nil), http.StatusBadRequest, "InvalidParameterValueException")
	checkException(t, post("", strings.NewReader(strings.Repeat("1", 6<<20+1))), http.StatusRequestEntityTooLarge, "RequestTooLargeException")
	event(t, l.Emulator, "1")
	checkException(t, post("", nil), http.StatusTooManyRequests, "TooManyRequestsException")
}

// A stream is passed on and not kept: neither the emulator's memory nor the runtime's lead over
// the caller grows. The stream ends at 200 MB.
func TestMemoryOfAStream(t *testing.T) {
	const limit, ahead = 200 << 20, 32 << 20 // ahead allows for the kernel's buffers
	l := listen(t, emulator.Config{HTTP: front.FunctionURL})
	var u *upload
	d := l.download(t, http.MethodGet, "/", func() {
		u = l.stream(t, next(t, l.client(t)).ID, "")
		u.write("a")
	})
	d.expect("a")
	var sent atomic.Int64
	flooded := make(chan struct{})
	go func() { // waited for below
		defer close(flooded)
		chunk := make([]byte, 64<<10)
		for {
			n, err := u.body.Write(chunk)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}()
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	before := stats.HeapAlloc
	var peak uint64
	read := int64(1)
	var err error
	for err == nil {
		var n int64
		n, err = io.CopyN(io.Discard, d.resp.Body, 1<<20)
		read += n
		runtime.ReadMemStats(&stats) // stops the world, so this is a slow reader
		peak = max(peak, stats.HeapAlloc)
		if over := sent.Load() - read; over > ahead {
			t.Fatalf("the runtime is %d bytes ahead of the caller", over)
		}
	}
	t.Logf("the heap grew by at most %d KB", (int64(peak)-int64(before))>>10)
	if peak > before+16<<20 {
		t.Errorf("the heap grew from %d to %d bytes", before, peak)
	}
	if read != limit || err != io.ErrUnexpectedEOF {
		t.Errorf("the caller got %d bytes, then %v; want %d and a broken connection", read, err, limit)
	}
	u.checkRefused(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge")
	receiveClosed(t, flooded)
}
