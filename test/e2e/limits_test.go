package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// The largest event that Lambda accepts arrives whole, and so does its result.
func TestLargestEvent(t *testing.T) {
	const size = 6 << 20 // bytes
	rec := newRecorder(t, 30*time.Second, nil)
	_, f := startLambda(t, rec, "", "faults.echo")
	event := `"` + strings.Repeat("0123456789abcde ", size/16)[:size-2] + `"`
	if got := f.result(event); got != event {
		t.Errorf("an event of %d bytes came back as %d: %.40q", size, len(got), got)
	}
}

// A message that is too long for a report is cut between two characters and says so. The next
// invocation works.
func TestLongestMessage(t *testing.T) {
	rec := newRecorder(t, 30*time.Second, nil)
	_, f := startLambda(t, rec, "", "faults.run")
	for _, odd := range []string{"", "x"} { // one of them puts a limit within a character
		body := f.invoke(call("talkative", fmt.Sprintf(`{"first": %q, "times": 1000000}`, odd))).Body
		if len(body) > 256<<10 || !utf8.ValidString(body) {
			t.Errorf("the report has %d bytes, want at most 256 KiB of UTF-8", len(body))
		}
		var e functionError
		if err := json.Unmarshal([]byte(body), &e); err != nil {
			t.Fatalf("%v: %.200s", err, body)
		}
		rest, _, cut := strings.Cut(e.Message, " ... (cut: 2000")
		if !cut || strings.Trim(strings.TrimPrefix(rest, odd), "é") != "" || len(rest) < 30<<10 {
			t.Errorf("the message became %.40q … %q", rest, e.Message[max(0, len(e.Message)-40):])
		}
		if e.Type != "talkative" || len(e.Stack) == 0 {
			t.Errorf("its type is %q, its stack %q", e.Type, e.Stack)
		}
	}
	if got := f.result(call("echo", `{"event": 1}`)); got != "1" {
		t.Errorf("the next invocation got %s", got)
	}
}
