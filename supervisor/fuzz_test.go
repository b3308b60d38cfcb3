package supervisor

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
)

// FuzzInvocation gives the headers of an invocation to a worker. Either it is refused, or R can
// answer with the id that it got, and gets a client context and an identity of JSON without the
// character zero.
func FuzzInvocation(f *testing.F) {
	f.Add("8476a536-e9f4-11e8-9739-2dfe598c3fcd", `{"custom": {"a": "b"}}`, `{"cognitoIdentityId": "i"}`, "blue", "Root=1-2-3")
	f.Add("\xff", `{"a": "\u0000"}`, `{"a": "\\u0000"}`, "\xff", "\xff")
	f.Add("\u2028<&>", "{\"a\": \"\xff\"}", `{"a": "\ud800"}`, "\x7f", "")
	f.Add("%s%n", "[[", " null ", "", "")
	f.Fuzz(func(t *testing.T, id, clientContext, identity, tenant, trace string) {
		inv := &runtimeapi.Invocation{ID: id, ClientContext: clientContext, CognitoIdentity: identity, TenantID: tenant, TraceID: trace}
		if check(inv) != nil {
			return
		}
		w := &fakeWorker{onInvoke: echo, t: t}
		s := newSlot(&Supervisor{config: Config{Log: slog.New(slog.DiscardHandler)}}, 0, t.Context())
		s.worker = w
		s.invoke(inv, &streamed{inv: inv}, nil)
		sent := w.invoked[0]
		got := onTheWire(t, sent)
		if got.ID != sent.ID {
			t.Errorf("R gets the id %q and answers with it, but the answer to %q is expected", got.ID, sent.ID)
		}
		for _, text := range []string{got.ClientContext, got.Identity} {
			var value any
			if text == "" {
				continue
			}
			if err := json.Unmarshal([]byte(text), &value); err != nil || !utf8.ValidString(text) {
				t.Errorf("R gets %q: %v", text, err)
			}
			if again, err := json.Marshal(value); err != nil || strings.Contains(strings.ReplaceAll(string(again), `\\`, ""), `\u0000`) {
				t.Errorf("R gets the character zero in %q, %v", text, err)
			}
		}
	})
}

// onTheWire returns the message as R reads it.
func onTheWire(t *testing.T, sent protocol.Invoke) (got protocol.Invoke) {
	t.Helper()
	var wire bytes.Buffer
	if err := protocol.NewWriter(&wire).WriteMessage(sent); err != nil {
		t.Fatal(err)
	}
	frame, err := protocol.NewReader(&wire).ReadPayload(protocol.MaxControl)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(frame, &got); err != nil {
		t.Fatal(err)
	}
	return got
}
