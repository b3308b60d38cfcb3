package lambdalog

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzLog logs a message and a field that an event may have chosen. A text record has as many lines
// as the message and nothing that a terminal acts on. A JSON record is one line of JSON with the
// message as it is.
func FuzzLog(f *testing.F) {
	f.Add("a message", "field", "value")
	f.Add("first\nSTART RequestId: x\r\x1b[31m", "a b=\"c", "x\ny \u202e \u0085")
	f.Add("\xff%s%n", "", "{\"a\": 1}")
	f.Fuzz(func(t *testing.T, message, name, value string) {
		var text, records bytes.Buffer
		New(NewOutput(&text, nil), Options{}).Info(message, name, value)
		lines := strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
		if want := strings.Count(message, "\n") + 1; len(lines) != want {
			t.Errorf("a message of %d lines has %d: %q", want, len(lines), &text)
		}
		if strings.ContainsFunc(strings.Join(lines, ""), isUnsafe) {
			t.Errorf("unsafe: %q", &text)
		}

		New(NewOutput(&records, nil), Options{JSON: true}).Info(message, name, value)
		var record struct{ Message string }
		if err := json.Unmarshal(records.Bytes(), &record); err != nil || bytes.Count(records.Bytes(), []byte("\n")) != 1 {
			t.Fatalf("%v: %q", err, &records)
		}
		if utf8.ValidString(message) && name != "message" && record.Message != message {
			t.Errorf("the message %q is logged as %q", message, record.Message)
		}
	})
}
