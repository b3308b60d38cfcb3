package emulator_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/protocol/runtimeapi"
)

// askForTail is the header that asks for the tail of the log.
var askForTail = map[string]string{"X-Amz-Log-Type": "Tail"}

func decodeTail(t *testing.T, header http.Header) string {
	t.Helper()
	text, err := base64.StdEncoding.DecodeString(header.Get("X-Amz-Log-Result"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestLogTail(t *testing.T) {
	l := listen(t, emulator.Config{})
	c := l.client(t)
	for _, failure := range []*runtimeapi.ErrorReport{nil, {Type: "e", Message: "m"}} {
		caller := l.invokeAsync(t, askForTail, "{}")
		inv := next(t, c)
		l.AppendLog(inv.ID, []byte("hello é\n"))
		l.AppendLog("another id", []byte("of another invocation\n"))
		var err error
		if failure == nil {
			err = c.Respond(t.Context(), inv, []byte("1"))
		} else {
			err = c.InvocationError(t.Context(), inv, failure)
		}
		if err != nil {
			t.Fatal(err)
		}
		l.AppendLog(inv.ID, []byte("after the end\n"))
		want := regexp.MustCompile(strings.ReplaceAll(
			`^START RequestId: ID Version: \$LATEST\nhello é\nEND RequestId: ID\nREPORT RequestId: ID\t[^\n]*\n$`, "ID", inv.ID))
		if got := decodeTail(t, receive(t, caller).header); !want.MatchString(got) {
			t.Errorf("got %q", got)
		}
	}
}

func TestLogTailIsTheLastFourKiB(t *testing.T) {
	l := listen(t, emulator.Config{})
	caller := l.invokeAsync(t, askForTail, "{}")
	c := l.client(t)
	inv := next(t, c)
	var all strings.Builder
	for i := range 1000 {
		line := fmt.Sprintf("line %d\n", i)
		all.WriteString(line)
		l.AppendLog(inv.ID, []byte(line))
	}
	l.AppendLog(inv.ID, []byte(strings.Repeat("x", 10_000)+"\nthe last\n"))
	if err := c.Respond(t.Context(), inv, []byte("1")); err != nil {
		t.Fatal(err)
	}
	got := decodeTail(t, receive(t, caller).header)
	if len(got) > 4<<10 || len(got) < 4<<10-100 {
		t.Errorf("the tail has %d bytes", len(got))
	}
	if !strings.HasPrefix(got, "xxx") || !strings.Contains(got, "x\nthe last\nEND RequestId: "+inv.ID+"\nREPORT ") || !strings.HasSuffix(got, "\n") {
		t.Errorf("got %q", got)
	}
}

func TestReportLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peak := int64(0)
		var log logBuffer
		e := newInBubble(emulator.Config{MemoryMB: 512, Log: &log, PeakMemory: func(int) int64 { return peak }})
		var want strings.Builder
		for _, test := range []struct {
			took time.Duration
			peak int64
			want string
		}{
			{250 * time.Millisecond, 1, "Duration: 250.00 ms\tBilled Duration: 250 ms\tMemory Size: 512 MB\tMax Memory Used: 1 MB\tInit Duration: 1500.00 ms\t"},
			{1001 * time.Microsecond, 100 << 20, "Duration: 1.00 ms\tBilled Duration: 2 ms\tMemory Size: 512 MB\tMax Memory Used: 100 MB\t"},
			{1234560 * time.Microsecond, 100<<20 + 1, "Duration: 1234.56 ms\tBilled Duration: 1235 ms\tMemory Size: 512 MB\tMax Memory Used: 101 MB\t"},
		} {
			caller := callAsync(t.Context(), e, http.MethodPost, invocations, askForTail, "1")
			id, _ := poll(t, e)
			time.Sleep(test.took)
			peak = test.peak
			respond(t, e, id, "1")
			text := "START RequestId: " + id + " Version: $LATEST\nEND RequestId: " + id + "\nREPORT RequestId: " + id + "\t" + test.want + "\n"
			// Lambda ends each item with a tab. The last tab does not matter.
			if got := decodeTail(t, (<-caller).Header()); withoutLastTab(got) != withoutLastTab(text) {
				t.Errorf("got  %q\nwant %q", got, text)
			}
			want.WriteString(withoutLastTab(text))
		}
		if got := withoutLastTab(log.String()); got != want.String() {
			t.Errorf("the log is %q\nwant %q", got, want.String())
		}
	})
}

func withoutLastTab(s string) string { return strings.ReplaceAll(s, "\t\n", "\n") }

func TestReportLineWithoutMemoryInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newInBubble(emulator.Config{})
		caller := callAsync(t.Context(), e, http.MethodPost, invocations, askForTail, "1")
		id, _ := poll(t, e)
		respond(t, e, id, "1")
		got := decodeTail(t, (<-caller).Header())
		if !strings.Contains(got, "Memory Size: 128 MB") || strings.Contains(got, "Max Memory Used") {
			t.Errorf("got %q", got)
		}
	})
}

func TestTimeoutIsInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logBuffer
		e := newInBubble(emulator.Config{Timeout: time.Second, Log: &log})
		caller := callAsync(t.Context(), e, http.MethodPost, invocations, askForTail, "1")
		id, _ := poll(t, e)
		tail := decodeTail(t, (<-caller).Header())
		for name, got := range map[string]string{"tail": tail, "log": log.String()} {
			start := strings.Index(got, "START RequestId: "+id)
			timedOut := strings.Index(got, id+" Task timed out after 1.00 seconds\n")
			end := strings.Index(got, "END RequestId: "+id)
			report := strings.Index(got, "REPORT RequestId: "+id+"\tDuration: 1000.00 ms\tBilled Duration: 1000 ms\t")
			if start < 0 || timedOut < start || end < timedOut || report < end {
				t.Errorf("the %s is %q", name, got)
			}
		}
	})
}

// The log gets one Write at a time.
func TestLogGetsOneWriteAtATime(t *testing.T) {
	var log strings.Builder // without a lock, for the race detector
	l := listen(t, emulator.Config{Log: &log})
	l.startRuntime(t, 4, echo)
	var callers []<-chan result
	for range 50 {
		callers = append(callers, l.invokeAsync(t, nil, "{}"))
	}
	for _, caller := range callers {
		receive(t, caller)
	}
}
