package durable

import (
	"strings"
	"testing"

	wire "lambda-r-runtime/durable"
)

func TestValidate(t *testing.T) {
	text := "x"
	large := strings.Repeat("x", wire.MaxPayload+1)
	start := func(id, typ string) wire.Update { return wire.Update{ID: id, Type: typ, Action: wire.ActionStart} }
	child := start("2", wire.TypeStep)
	child.ParentID = "1"
	for _, test := range []struct {
		name   string
		batch  []wire.Update
		reason string // "" if it is accepted
	}{
		{"start and end", []wire.Update{start("1", wire.TypeStep), {ID: "1", Type: wire.TypeStep, Action: wire.ActionSucceed, Payload: &text}}, ""},
		{"a child of a context of the batch", []wire.Update{start("1", wire.TypeContext), child}, ""},
		{"a child of a step", []wire.Update{start("1", wire.TypeStep), child}, "not a CONTEXT"},
		{"a child of nothing", []wire.Update{child}, "not a CONTEXT"},
		{"two starts", []wire.Update{start("1", wire.TypeStep), start("1", wire.TypeStep)}, "twice"},
		{"another type", []wire.Update{start("1", wire.TypeStep), {ID: "1", Type: wire.TypeContext, Action: wire.ActionSucceed}}, "must not change"},
		{"an id with a blank", []wire.Update{start("a b", wire.TypeStep)}, "ids have"},
		{"a long id", []wire.Update{start(strings.Repeat("1", 65), wire.TypeStep)}, "ids have"},
		{"a name that is not ASCII", []wire.Update{{ID: "1", Name: "é", Type: wire.TypeStep, Action: wire.ActionStart}}, "names have"},
		{"a short wait", []wire.Update{{ID: "1", Type: wire.TypeWait, Action: wire.ActionStart, WaitOptions: &wire.WaitOptions{}}}, "WaitSeconds"},
		{"a retry without a delay", []wire.Update{{ID: "1", Type: wire.TypeStep, Action: wire.ActionRetry, Payload: &text}}, "StepOptions"},
		{"a retry with both", []wire.Update{{
			ID: "1", Type: wire.TypeStep, Action: wire.ActionRetry, Payload: &text, Error: &wire.ErrorObject{}, StepOptions: &wire.StepOptions{NextAttemptDelaySeconds: 1},
		}}, "Error or a Payload"},
		{"a failure with a payload", []wire.Update{{ID: "1", Type: wire.TypeStep, Action: wire.ActionFail, Payload: &text}}, "no Payload"},
		{"a success with an error", []wire.Update{{ID: "1", Type: wire.TypeStep, Action: wire.ActionSucceed, Error: &wire.ErrorObject{}}}, "no Error"},
		{"a large payload", []wire.Update{{ID: "1", Type: wire.TypeStep, Action: wire.ActionSucceed, Payload: &large}}, "exceeds"},
		{"an unknown action", []wire.Update{{ID: "1", Type: wire.TypeWait, Action: wire.ActionSucceed}}, "does not exist"},
		{"the execution before the end", []wire.Update{{Type: wire.TypeExecution, Action: wire.ActionSucceed}, start("1", wire.TypeStep)}, "the last one"},
	} {
		t.Run(test.name, func(t *testing.T) {
			x := newExecution(&Backend{}, "f", "n", "{}")
			refused := x.validate(test.batch)
			switch {
			case refused == nil && test.reason != "":
				t.Errorf("it is accepted, want %q", test.reason)
			case refused != nil && (test.reason == "" || !strings.Contains(refused.message, test.reason)):
				t.Errorf("refused: %s, want %q", refused.message, test.reason)
			}
		})
	}
}
