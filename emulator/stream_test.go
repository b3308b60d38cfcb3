package emulator_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/emulator/front"
	"lambda-r-runtime/protocol/runtimeapi"
)

// withPrelude is the Content-Type of a stream with a prelude.
const withPrelude = "application/vnd.awslambda.http-integration-response"

// An upload is the runtime's POST of a streamed response.
type upload struct {
	t       *testing.T
	body    *io.PipeWriter
	trailer http.Header
	ended   chan uploadEnd // gets one
}

type uploadEnd struct {
	status int
	text   string
	err    error
}

// stream begins the streamed response of an invocation.
func (l *listener) stream(t *testing.T, id, contentType string) *upload {
	t.Helper()
	r, w := io.Pipe()
	req, err := http.NewRequest(http.MethodPost, l.server.URL+runtimeapi.PathInvocation+id+"/response", r)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Lambda-Runtime-Function-Response-Mode", "streaming")
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	req.Trailer = http.Header{runtimeapi.HeaderErrorType: nil, "Lambda-Runtime-Function-Error-Body": nil}
	u := &upload{t, w, req.Trailer, make(chan uploadEnd, 1)}
	go func() { // ends with the call, which ends with the body: see t.Cleanup below
		var end uploadEnd
		resp, err := l.server.Client().Do(req)
		if end.err = err; err == nil {
			text, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			end.status, end.text = resp.StatusCode, string(text)
		}
		r.CloseWithError(errUploadEnded) // ends writers
		u.ended <- end
	}()
	t.Cleanup(func() { w.CloseWithError(errUploadEnded) })
	return u
}

var errUploadEnded = errors.New("the upload has ended")

// write returns when the transport has read the text. Then it has sent the headers.
func (u *upload) write(text string) {
	u.t.Helper()
	if _, err := io.WriteString(u.body, text); err != nil {
		u.t.Fatalf("the runtime cannot write: %v", err)
	}
}

// close ends the stream without an error and returns the status of the POST.
func (u *upload) close() int {
	u.t.Helper()
	u.body.Close()
	return u.end().status
}

// fail ends the stream with an error in the trailers.
func (u *upload) fail(errorType, body string) int {
	u.t.Helper()
	u.write("") // the transport reads the trailers' names before the body
	u.trailer.Set(runtimeapi.HeaderErrorType, errorType)
	u.trailer.Set("Lambda-Runtime-Function-Error-Body", base64.StdEncoding.EncodeToString([]byte(body)))
	return u.close()
}

func (u *upload) end() uploadEnd {
	u.t.Helper()
	return receive(u.t, u.ended)
}

// checkRefused checks that the POST was refused while it was in progress.
func (u *upload) checkRefused(status int, text string) {
	u.t.Helper()
	end := u.end()
	if end.err != nil || end.status != status || !strings.Contains(end.text, text) {
		u.t.Errorf("the POST ended with %+v, want %d %s", end, status, text)
	}
}

// flood writes until the upload ends.
func (u *upload) flood() <-chan error {
	ended := make(chan error, 1)
	go func() { // ends with the upload
		chunk := make([]byte, 64<<10)
		for {
			if _, err := u.body.Write(chunk); err != nil {
				ended <- err
				return
			}
		}
	}()
	return ended
}

// A download is a response that a caller reads while it comes.
type download struct {
	t    *testing.T
	resp *http.Response
	stop context.CancelFunc
}

// download calls the emulator, and during while the call is in progress.
func (l *listener) download(t *testing.T, method, path string, during func()) *download {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), guard)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, method, l.server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan *http.Response, 1)
	go func() { // received below
		defer close(got)
		resp, err := l.server.Client().Do(req)
		if err != nil {
			t.Errorf("%s %s: %v", method, path, err)
			return
		}
		got <- resp
	}()
	during()
	resp := receive(t, got)
	t.Cleanup(func() { resp.Body.Close() })
	return &download{t, resp, cancel}
}

// expect reads exactly this text.
func (d *download) expect(text string) {
	d.t.Helper()
	got := make([]byte, len(text))
	if _, err := io.ReadFull(d.resp.Body, got); err != nil || string(got) != text {
		d.t.Fatalf("read %q, %v; want %q", got, err, text)
	}
}

func (d *download) expectEnd(want error) {
	d.t.Helper()
	rest, err := io.ReadAll(d.resp.Body)
	if len(rest) > 0 || !errors.Is(err, want) {
		d.t.Errorf("at the end: %q, %v; want %v", rest, err, want)
	}
}

// begin invokes the function and takes the invocation.
func (l *listener) begin(t *testing.T) (*runtimeapi.Invocation, <-chan result) {
	t.Helper()
	caller := l.invokeAsync(t, nil, "{}")
	return next(t, l.client(t)), caller
}

// Invoke returns a stream in one piece, including its prelude.
func TestInvokeCollectsAStream(t *testing.T) {
	l := listen(t, emulator.Config{})
	for _, parts := range [][]string{{}, {"one"}, {`{"statusCode":201}`, strings.Repeat("\x00", 8), "body"}} {
		inv, caller := l.begin(t)
		u := l.stream(t, inv.ID, withPrelude)
		for _, part := range parts {
			u.write(part)
		}
		if l.Running() != 1 {
			t.Error("the invocation ended before its stream")
		}
		if status := u.close(); status != http.StatusAccepted {
			t.Errorf("the POST got %d", status)
		}
		got := receive(t, caller)
		if got.status != http.StatusOK || got.header.Get("X-Amz-Function-Error") != "" || got.body != strings.Join(parts, "") {
			t.Errorf("got %d %q", got.status, got.body)
		}
	}
}

func TestStreamThatFailsForInvoke(t *testing.T) {
	var log logBuffer
	l := listen(t, emulator.Config{Log: &log})
	inv, caller := l.begin(t)
	u := l.stream(t, inv.ID, "")
	u.write("a part")
	if status := u.fail("Function.Boom", `{"errorType":"boom","errorMessage":"100%"}`); status != http.StatusAccepted {
		t.Errorf("the POST got %d", status)
	}
	checkFunctionError(t, receive(t, caller), "boom", "100%")
	if want := ` stream ended with Function.Boom: {"errorType":"boom","errorMessage":"100%"}`; !strings.Contains(log.String(), inv.ID+want) {
		t.Errorf("the log is %s", &log)
	}

	inv, caller = l.begin(t)
	u = l.stream(t, inv.ID, "")
	u.write("") // as in fail
	u.trailer.Set("Lambda-Runtime-Function-Error-Body", "no base64")
	u.close()
	checkFunctionError(t, receive(t, caller), "Runtime.Unknown", "no base64")
}

func TestStreamLimitOfInvoke(t *testing.T) {
	l := listen(t, emulator.Config{})
	for _, over := range []int{0, 1} {
		inv, caller := l.begin(t)
		u := l.stream(t, inv.ID, "")
		u.write(strings.Repeat("1", runtimeapi.MaxResponse+over))
		if over == 0 {
			u.close()
			if got := receive(t, caller); len(got.body) != runtimeapi.MaxResponse {
				t.Errorf("got %d bytes", len(got.body))
			}
			continue
		}
		u.checkRefused(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge")
		checkFunctionError(t, receive(t, caller), "Function.ResponseSizeTooLarge", "6291556 bytes")
	}
}

// During a stream, and after it, any other report is refused.
func TestOneReportBesideAStream(t *testing.T) {
	l := listen(t, emulator.Config{})
	inv, caller := l.begin(t)
	u := l.stream(t, inv.ID, "")
	u.write("a")
	refused := func() {
		t.Helper()
		c := l.client(t)
		checkStatusError(t, c.Respond(t.Context(), inv, []byte("2")), http.StatusForbidden)
		checkStatusError(t, c.InvocationError(t.Context(), inv, &runtimeapi.ErrorReport{}), http.StatusForbidden)
		l.stream(t, inv.ID, "").checkRefused(http.StatusForbidden, "InvalidRequestID")
	}
	eventually(t, func() bool { // wait until the emulator has seen the stream
		return l.Running() == 1 && l.post(t, runtimeapi.PathInvocation+inv.ID+"/error", map[string]string{
			runtimeapi.HeaderInvocationID: "not this one",
		}, nil).status == http.StatusForbidden
	})
	refused()
	u.close()
	refused()
	if got := receive(t, caller); got.body != "a" {
		t.Errorf("the caller got %s", got.body)
	}
	l.stream(t, "no such", "").checkRefused(http.StatusBadRequest, "InvalidRequestID")
}

// eventually waits until condition returns true.
func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(guard); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the condition did not become true in time")
		}
	}
}

// Lambda accepts no response mode but streaming, and fails an invocation with another one.
func TestUnknownResponseMode(t *testing.T) {
	l := listen(t, emulator.Config{})
	inv, caller := l.begin(t)
	got := l.post(t, runtimeapi.PathInvocation+inv.ID+"/response",
		map[string]string{"Lambda-Runtime-Function-Response-Mode": "buffered"}, strings.NewReader("1"))
	if got.status != http.StatusBadRequest {
		t.Errorf("got %d", got.status)
	}
	checkFunctionError(t, receive(t, caller), "Runtime.InvalidResponseModeHeader", "buffered")
}

func TestStreamThatBreaksOff(t *testing.T) {
	l := listen(t, emulator.Config{})
	inv, caller := l.begin(t)
	conn := dial(t, l.server)
	_, err := io.WriteString(conn, "POST "+runtimeapi.PathInvocation+inv.ID+"/response HTTP/1.1\r\nHost: x\r\n"+
		"Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n")
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	checkFunctionError(t, receive(t, caller), "Runtime.TruncatedResponse", "broke before the end")
}

// The connection of a refused stream is closed, even if the runtime keeps it open.
func TestConnectionOfARefusedStreamIsClosed(t *testing.T) {
	l := listen(t, emulator.Config{})
	conn := dial(t, l.server)
	_, err := io.WriteString(conn, "POST "+runtimeapi.PathInvocation+"unknown/response HTTP/1.1\r\nHost: x\r\n"+
		"Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") {
		t.Errorf("got %q, %v", answer, err)
	}
}

// At the deadline the POST is refused, whether the runtime writes or not.
func TestDeadlineOfAStream(t *testing.T) {
	for _, busy := range []bool{false, true} {
		l := listen(t, emulator.Config{Timeout: 200 * time.Millisecond})
		d := l.download(t, http.MethodPost, streamingInvocations, func() {
			u := l.stream(t, next(t, l.client(t)).ID, "")
			u.write("a")
			if busy {
				defer receive(t, u.flood()) // blocks, because the caller does not read
			}
			u.checkRefused(http.StatusGone, "deadline")
		})
		body, err := io.ReadAll(d.resp.Body)
		if err != nil || !strings.Contains(string(body), "Sandbox.Timedout") {
			t.Errorf("the caller got %d bytes, %v", len(body), err)
		}
	}
}

// When the caller leaves, the POST is refused, whether the runtime writes or not.
func TestCallerLeavesAStream(t *testing.T) {
	for _, busy := range []bool{false, true} {
		for _, format := range []front.Format{"", front.FunctionURL} {
			var log logBuffer
			l := listen(t, emulator.Config{HTTP: format, Log: &log})
			path := streamingInvocations
			if format != "" {
				path = "/"
			}
			var u *upload
			d := l.download(t, http.MethodPost, path, func() {
				u = l.stream(t, next(t, l.client(t)).ID, "")
				u.write("a")
			})
			if busy {
				defer receive(t, u.flood())
			}
			d.stop()
			u.checkRefused(http.StatusGone, "the caller has left")
			if l.Running() != 0 || !strings.Contains(log.String(), "the caller has left") || !strings.Contains(log.String(), "REPORT") {
				t.Errorf("%d are running; the log is %s", l.Running(), &log)
			}
		}
	}
}

// If the caller left before the stream began, the POST is refused as well.
func TestCallerThatHasLeftBeforeTheStream(t *testing.T) {
	l := listen(t, emulator.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan struct{})
	go func() { // waited for below
		call(ctx, l.Emulator, http.MethodPost, streamingInvocations, nil, "{}")
		close(left)
	}()
	inv := next(t, l.client(t))
	cancel()
	receiveClosed(t, left)
	l.stream(t, inv.ID, "").checkRefused(http.StatusGone, "the caller has left")
}

func receiveClosed(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(guard):
		t.Fatal("the channel was not closed in time")
	}
}

// The stream of an asynchronous invocation is accepted and discarded.
func TestEventThatStreams(t *testing.T) {
	l := listen(t, emulator.Config{})
	event(t, l.Emulator, "{}")
	u := l.stream(t, next(t, l.client(t)).ID, "")
	u.write(strings.Repeat("x", 1<<20))
	if status := u.close(); status != http.StatusAccepted || l.Running() != 0 {
		t.Errorf("the POST got %d, and %d are running", status, l.Running())
	}
}

// The runtime's connection remains usable after a stream.
func TestStreamsOneAfterTheOther(t *testing.T) {
	l := listen(t, emulator.Config{HTTP: front.FunctionURL})
	c := l.client(t)
	for i := range 100 {
		text := fmt.Sprint(i)
		d := l.download(t, http.MethodGet, "/", func() {
			u := l.stream(t, next(t, c).ID, "text/plain")
			u.write(text)
			if status := u.close(); status != http.StatusAccepted {
				t.Errorf("POST %d got %d", i, status)
			}
		})
		d.expect(text)
		d.expectEnd(nil)
		d.stop()
	}
}

func TestInvocationIDOfAStream(t *testing.T) {
	l := listen(t, emulator.Config{})
	inv, caller := l.begin(t)
	got := l.post(t, runtimeapi.PathInvocation+inv.ID+"/response", map[string]string{
		"Lambda-Runtime-Function-Response-Mode": "streaming",
		runtimeapi.HeaderInvocationID:           "another",
	}, nil)
	if got.status != http.StatusBadRequest {
		t.Errorf("got %d", got.status)
	}
	if err := l.client(t).Respond(t.Context(), inv, []byte("1")); err != nil {
		t.Error(err)
	}
	receive(t, caller)
}
