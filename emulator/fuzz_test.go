package emulator_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream/eventstreamapi"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/protocol/runtimeapi"
)

// FuzzInvoke sends headers and an event of a caller through the Invoke API. Either the call is
// refused with a status of 4xx, or the runtime gets the event unchanged, a client context that
// is the same JSON, and no header that the caller made up.
func FuzzInvoke(f *testing.F) {
	encode := base64.StdEncoding.EncodeToString
	f.Add("function", encode([]byte(`{"custom": {"a": "b"}}`)), "", "blue", []byte(`{"a": 1}`))
	f.Add("arn:aws:lambda:us-east-1:1:function:f:$LATEST", encode([]byte("{\r\n\"a\": \"\\u0000\"}\n")), "Root=1-2-3", "", []byte("\xff"))
	f.Add("a/b%2F", encode([]byte("{} x")), "\r\nX: y", "\r\nX: y", []byte{})
	f.Add("\a", "", "", "", []byte("{}"))
	f.Add(":", "not base64", "é", "\x7f", []byte("null"))
	e := emulator.New(emulator.Config{Timeout: time.Minute})
	f.Fuzz(func(t *testing.T, function, clientContext, trace, tenant string, event []byte) {
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(event))
		r.URL.Path = "/2015-03-31/functions/" + function + "/invocations"
		for name, value := range map[string]string{
			"X-Amz-Invocation-Type": "Event", "X-Amz-Client-Context": clientContext, "X-Amzn-Trace-Id": trace, "X-Amz-Tenant-Id": tenant,
		} {
			if !validValue(value) {
				return // net/http refuses it
			}
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		if w.Code != http.StatusAccepted {
			if w.Code/100 != 4 && w.Code/100 != 3 { // the mux redirects //
				t.Errorf("status %d: %s", w.Code, w.Body)
			}
			return
		}
		next := overTheWire(t, call(t.Context(), e, http.MethodGet, runtimeapi.PathNext, nil, ""))
		id := next.Header.Get(runtimeapi.HeaderRequestID)
		if code := respond(t, e, id, "1"); code != http.StatusAccepted {
			t.Errorf("the report of %q got status %d", id, code)
		}
		if got, err := io.ReadAll(next.Body); err != nil || !bytes.Equal(got, event) {
			t.Errorf("the runtime got the event %q, %v; want %q", got, err, event)
		}
		checkContext(t, next.Header.Get(runtimeapi.HeaderClientContext), clientContext)
		for name := range next.Header {
			if name == "X" {
				t.Errorf("a header was injected: %v", next.Header)
			}
		}
	})
}

// validValue reports whether net/http accepts the value of a header.
func validValue(value string) bool {
	return !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// checkContext checks that the runtime got the client context that a caller sent in base64.
func checkContext(t *testing.T, got, sent string) {
	t.Helper()
	if sent == "" && got == "" {
		return
	}
	text, err := base64.StdEncoding.DecodeString(sent)
	if err != nil {
		t.Fatalf("the client context %q was accepted: %v", sent, err)
	}
	gotJSON, err := decodeJSON(got)
	if err != nil {
		t.Fatalf("the runtime got the client context %q: %v", got, err)
	}
	if sentJSON, err := decodeJSON(string(text)); err != nil || !reflect.DeepEqual(gotJSON, sentJSON) {
		t.Errorf("the runtime got the client context %q, want %q, %v", got, text, err)
	}
}

// decodeJSON decodes JSON with numbers as they are written.
func decodeJSON(text string) (value any, err error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	err = d.Decode(&value)
	return value, err
}

// overTheWire sends what was written over HTTP/1.1 and reads it again.
func overTheWire(t *testing.T, w *httptest.ResponseRecorder) *http.Response {
	t.Helper()
	var wire bytes.Buffer
	if err := w.Result().Write(&wire); err != nil {
		t.Fatal(err)
	}
	got, err := http.ReadResponse(bufio.NewReader(&wire), nil)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// FuzzEventStream streams a response, which may break off with an error in its trailers, to a
// caller of InvokeWithResponseStream. AWS's own decoder reads the same bytes and the error.
func FuzzEventStream(f *testing.F) {
	f.Add([]byte("a chunk"), "", "")
	f.Add([]byte{}, "Function.SimpleError", base64.StdEncoding.EncodeToString([]byte(`{"errorMessage": "é"}`)))
	f.Add([]byte("\x00\x00\x00\x10"), "Runtime.X", "not base64")
	f.Add(bytes.Repeat([]byte("x"), 1000), "", "eA==")
	f.Fuzz(func(t *testing.T, chunk []byte, errorType, errorBody string) {
		if !validValue(errorType) || !validValue(errorBody) {
			return // net/http refuses them
		}
		e := emulator.New(emulator.Config{Timeout: time.Minute})
		got := callAsync(t.Context(), e, http.MethodPost, streamingInvocations, nil, "{}")
		id, _ := poll(t, e)
		r := httptest.NewRequest(http.MethodPost, runtimeapi.PathInvocation+id+"/response", bytes.NewReader(chunk))
		r.Header.Set(runtimeapi.HeaderResponseMode, runtimeapi.ModeStreaming)
		r.Trailer = http.Header{runtimeapi.HeaderErrorType: {errorType}, runtimeapi.HeaderErrorBody: {errorBody}}
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		if w.Code != http.StatusAccepted {
			t.Fatalf("the stream got status %d %s", w.Code, w.Body)
		}
		body, complete := decodeEvents(t, (<-got).Body)
		if !bytes.Equal(body, chunk) {
			t.Errorf("the caller got %q, want %q", body, chunk)
		}
		if failed := errorType != "" || errorBody != ""; failed != (complete.ErrorCode != "") {
			t.Errorf("the stream ended with %q and %q, and the caller got %+v", errorType, errorBody, complete)
		}
	})
}

// A completeEvent is the final event of InvokeWithResponseStream.
type completeEvent struct{ ErrorCode, ErrorDetails string }

// decodeEvents returns the chunks and the final event of a response.
func decodeEvents(t *testing.T, response io.Reader) (body []byte, last completeEvent) {
	t.Helper()
	for decoder, complete := eventstream.NewDecoder(), false; ; {
		message, err := decoder.Decode(response, nil)
		if err == io.EOF && complete {
			return body, last
		}
		if err != nil || complete {
			t.Fatalf("complete: %v; the next event is %q, %v", complete, message.Payload, err)
		}
		switch kind := message.Headers.Get(eventstreamapi.EventTypeHeader); kind.String() {
		case "PayloadChunk":
			body = append(body, message.Payload...)
		case "InvokeComplete":
			complete = true
			if err := json.Unmarshal(message.Payload, &last); err != nil {
				t.Fatal(err)
			}
		default:
			t.Fatalf("an event %q", kind)
		}
	}
}

// FuzzGuard sends the headers that a browser sets. A request passes only if its Host and its
// Origin are IP addresses or names that no DNS server outside of this machine resolves.
func FuzzGuard(f *testing.F) {
	for _, host := range []string{"localhost:9000", "[::1]:9000", "127.0.0.1", "evil.example", "localhost.evil.example", "[", "::1", "a@localhost", "localhost#"} {
		f.Add(host, "http://"+host, "cross-site")
		f.Add(host, "", "same-origin")
	}
	f.Fuzz(func(t *testing.T, host, origin, site string) {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Host = host
		r.Header.Set("Origin", origin)
		r.Header.Set("Sec-Fetch-Site", site)
		passed := false
		guard := emulator.Guard("127.0.0.1:9000", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { passed = true }))
		guard.ServeHTTP(httptest.NewRecorder(), r)
		if !passed {
			return
		}
		if host != "" && !onThisMachine(host) {
			t.Errorf("Host %q passed", host)
		}
		if _, address, ok := strings.Cut(origin, "://"); origin != "" && (!ok || !onThisMachine(address)) {
			t.Errorf("Origin %q passed", origin)
		}
		if origin == "" && site == "cross-site" {
			t.Error("a request of another site passed")
		}
	})
}

var (
	localhost = regexp.MustCompile(`(?i)^([^/?#@:\[\]]*\.)?localhost\.?(:[0-9]*)?$`)
	ipAddress = regexp.MustCompile(`^([0-9.]+?\.?|\[[0-9A-Fa-f:.]+\])(:[0-9]*)?$`)
)

// onThisMachine reports whether a host with an optional port is an IP address or a name in
// localhost.
func onThisMachine(address string) bool {
	if localhost.MatchString(address) {
		return true
	}
	match := ipAddress.FindStringSubmatch(address)
	if match == nil {
		return false
	}
	ip := strings.TrimSuffix(match[1], ".")
	if strings.HasPrefix(ip, "[") {
		ip = ip[1 : len(ip)-1]
	}
	_, err := netip.ParseAddr(ip)
	return err == nil
}
