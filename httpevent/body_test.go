package httpevent

import (
	"encoding/json"
	"testing"
)

func TestCutBody(t *testing.T) {
	for event, want := range map[string][2]string{
		`{"body":"a","x":1}`:                       {`"a"`, `{"body":"","x":1}`},
		`{"x":{"body":"inner"},"body" : "a\"b\\"}`: {`"a\"b\\"`, `{"x":{"body":"inner"},"body" : ""}`},
		`{"x":"\"body\":\"no\"","y":["body","b"]}`: {"", `{"x":"\"body\":\"no\"","y":["body","b"]}`},
		`{"body":null}`:                            {"", `{"body":null}`},
		`{"x":"body","body":""}`:                   {`""`, `{"x":"body","body":""}`},
		`{"body":"never ends`:                      {"", `{"body":"never ends`},
		`{"body":"\\\"","z":"\\"}`:                 {`"\\\""`, `{"body":"","z":"\\"}`},
		`"body":"a"`:                               {"", `"body":"a"`},
		`[{"body":"a"}]`:                           {"", `[{"body":"a"}]`},
		``:                                         {"", ``},
		`{"body"`:                                  {"", `{"body"`},
		`{"body":`:                                 {"", `{"body":`},
	} {
		body, rest := cutBody([]byte(event))
		if string(body) != want[0] || string(rest) != want[1] {
			t.Errorf("%s: got %s and %s", event, body, rest)
		}
	}
}

// FuzzCutBody compares with encoding/json.
func FuzzCutBody(f *testing.F) {
	f.Add(`{"body":"a\"","x":{"body":"b"}}`)
	f.Add(`{"x":["\\"],"body" : "é"}`)
	f.Fuzz(func(t *testing.T, event string) {
		body, rest := cutBody([]byte(event))
		if body == nil || !json.Valid([]byte(event)) {
			return
		}
		if !json.Valid(body) || !json.Valid(rest) {
			t.Fatalf("%q was cut into %q and %q", event, body, rest)
		}
		var whole, without map[string]json.RawMessage
		if json.Unmarshal([]byte(event), &whole) != nil || json.Unmarshal(rest, &without) != nil {
			t.Fatalf("%q was cut into %q", event, rest)
		}
		if len(whole) != len(without) {
			t.Fatalf("%q lost members: %q", event, rest)
		}
	})
}
