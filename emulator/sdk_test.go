package emulator_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/protocol/runtimeapi"
)

// newSDK returns AWS's own client of the Invoke API.
func newSDK(l *listener) *lambda.Client {
	return lambda.New(lambda.Options{
		Region:           "us-east-1",
		Credentials:      credentials.NewStaticCredentialsProvider("id", "secret", ""),
		BaseEndpoint:     aws.String(l.server.URL),
		HTTPClient:       l.server.Client(),
		RetryMaxAttempts: 1, // the tests check the first error
	})
}

func TestSDKInvoke(t *testing.T) {
	l := listen(t, emulator.Config{})
	l.startRuntime(t, 1, echo)
	for _, name := range []string{"function", "arn:aws:lambda:us-east-1:123456789012:function:function:v1"} {
		out, err := newSDK(l).Invoke(t.Context(), &lambda.InvokeInput{
			FunctionName: aws.String(name),
			Payload:      []byte(`{"é":1}`),
		})
		if err != nil {
			t.Fatal(err)
		}
		if out.StatusCode != 200 || string(out.Payload) != `{"é":1}` || out.FunctionError != nil || out.LogResult != nil ||
			aws.ToString(out.ExecutedVersion) != "$LATEST" {
			t.Errorf("got %+v with payload %s", out, out.Payload)
		}
	}
}

func TestSDKFunctionError(t *testing.T) {
	failure := &runtimeapi.ErrorReport{Type: "e", Message: "m"}
	l := listen(t, emulator.Config{})
	l.startRuntime(t, 1, func(*runtimeapi.Invocation) ([]byte, *runtimeapi.ErrorReport) { return nil, failure })
	out, err := newSDK(l).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("function"), Payload: []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	if out.StatusCode != 200 || aws.ToString(out.FunctionError) != "Unhandled" || string(out.Payload) != string(failure.Body()) {
		t.Errorf("got %+v with payload %s", out, out.Payload)
	}
}

func TestSDKEventAndDryRun(t *testing.T) {
	l := listen(t, emulator.Config{})
	for kind, want := range map[types.InvocationType]int32{
		types.InvocationTypeDryRun: 204,
		types.InvocationTypeEvent:  202,
	} {
		out, err := newSDK(l).Invoke(t.Context(), &lambda.InvokeInput{
			FunctionName:   aws.String("function"),
			InvocationType: kind,
			Payload:        []byte(`"` + kind + `"`),
		})
		if err != nil {
			t.Fatal(err)
		}
		if out.StatusCode != want || len(out.Payload) > 0 || out.FunctionError != nil {
			t.Errorf("%s: got %+v with payload %q", kind, out, out.Payload)
		}
	}
	if inv := next(t, l.client(t)); string(inv.Event) != `"Event"` {
		t.Errorf("the runtime got %s", inv.Event)
	}
}

func TestSDKLogTailAndClientContext(t *testing.T) {
	const clientContext = `{"custom":{"a":"é"}}`
	l := listen(t, emulator.Config{})
	l.startRuntime(t, 1, func(inv *runtimeapi.Invocation) ([]byte, *runtimeapi.ErrorReport) {
		l.AppendLog(inv.ID, []byte("hello\n"))
		return []byte(inv.ClientContext), nil
	})
	out, err := newSDK(l).Invoke(t.Context(), &lambda.InvokeInput{
		FunctionName:  aws.String("function"),
		ClientContext: aws.String(base64.StdEncoding.EncodeToString([]byte(clientContext))),
		LogType:       types.LogTypeTail,
	})
	if err != nil {
		t.Fatal(err)
	}
	if string(out.Payload) != clientContext {
		t.Errorf("the client context is %s", out.Payload)
	}
	tail, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(tail); !strings.HasPrefix(got, "START ") || !strings.Contains(got, "\nhello\nEND ") {
		t.Errorf("the log is %q", got)
	}
}

func TestSDKErrors(t *testing.T) {
	l := listen(t, emulator.Config{Limit: 1})
	event(t, l.Emulator, "1")
	invoke := func(in lambda.InvokeInput) error {
		in.FunctionName = aws.String("function")
		_, err := newSDK(l).Invoke(t.Context(), &in)
		return err
	}
	err := invoke(lambda.InvokeInput{Payload: make([]byte, 6<<20+1)})
	if e, ok := errors.AsType[*types.RequestTooLargeException](err); !ok || !strings.Contains(e.ErrorMessage(), "6291456") {
		t.Errorf("too large: got %v", err)
	}
	err = invoke(lambda.InvokeInput{ClientContext: aws.String("not base64!")})
	if _, ok := errors.AsType[*types.InvalidRequestContentException](err); !ok {
		t.Errorf("client context: got %v", err)
	}
	err = invoke(lambda.InvokeInput{InvocationType: "Whatever"})
	if _, ok := errors.AsType[*types.InvalidParameterValueException](err); !ok {
		t.Errorf("invocation type: got %v", err)
	}
	err = invoke(lambda.InvokeInput{})
	if _, ok := errors.AsType[*types.TooManyRequestsException](err); !ok {
		t.Errorf("queue: got %v", err)
	}
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
