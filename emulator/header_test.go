package emulator_test

import (
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/protocol/runtimeapi"
)

// The invocation id goes to the runtime and back: no two are alike, and a report with
// another one, or after another hand-out, is refused.
func TestInvocationID(t *testing.T) {
	failure := &runtimeapi.ErrorReport{Type: "e", Message: "m"}
	l := listen(t, emulator.Config{})
	c := l.client(t)
	seen := map[string]bool{}
	for _, report := range []func(*runtimeapi.Invocation) error{
		func(inv *runtimeapi.Invocation) error { return c.Respond(t.Context(), inv, []byte("1")) },
		func(inv *runtimeapi.Invocation) error { return c.InvocationError(t.Context(), inv, failure) },
	} {
		for _, echo := range []bool{true, false} {
			caller := l.invokeAsync(t, nil, "{}")
			inv := next(t, c)
			if inv.InvocationID == "" || seen[inv.InvocationID] {
				t.Errorf("the invocation id is %q", inv.InvocationID)
			}
			seen[inv.InvocationID] = true
			right := inv.InvocationID
			inv.InvocationID = "another"
			checkStatusError(t, report(inv), http.StatusBadRequest)
			if inv.InvocationID = ""; echo {
				inv.InvocationID = right
			}
			if err := report(inv); err != nil {
				t.Error(err)
			}
			receive(t, caller)
		}
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

func TestTenantID(t *testing.T) {
	l := listen(t, emulator.Config{})
	l.startRuntime(t, 1, func(inv *runtimeapi.Invocation) ([]byte, *runtimeapi.ErrorReport) {
		return []byte(`"` + inv.TenantID + `"`), nil
	})
	for given, want := range map[*string]string{nil: `""`, aws.String("blue 1"): `"blue 1"`} {
		out, err := newSDK(l).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("function"), TenantId: given})
		if err != nil || string(out.Payload) != want {
			t.Errorf("got %+v, %v; want %s", out, err, want)
		}
		s := l.sdkStream(t, lambda.InvokeWithResponseStreamInput{TenantId: given}, func() {})
		if got, _ := s.complete(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
