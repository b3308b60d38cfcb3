package durable

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	wire "lambda-r-runtime/durable"
)

// A handler is a function in Go: it gets the event and a client of AWS, and returns the answer.
type handler func(t *testing.T, api *lambda.Client, e wire.Event) wire.Answer

// serve returns AWS's client of a backend with this function.
func serve(t *testing.T, c Config, h handler) (*Backend, *lambda.Client) {
	t.Helper()
	var api *lambda.Client
	c.Prefix, c.Log = "arn:aws:lambda:us-east-1:012345678912:function:", slog.New(slog.DiscardHandler)
	c.Invoke = func(_ context.Context, _ string, event []byte) (Result, error) {
		var e wire.Event
		if err := json.Unmarshal(event, &e); err != nil {
			t.Error(err)
		}
		return Result{RequestID: "r", Body: h(t, api, e).Encode()}, nil
	}
	b, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(b.Handler(http.NotFoundHandler(), func(context.Context) bool { return true }))
	t.Cleanup(server.Close)
	t.Cleanup(b.Close)
	api = lambda.New(lambda.Options{
		BaseEndpoint: &server.URL, Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
	})
	b.Resume()
	return b, api
}

// find returns an operation of an event, or nil.
func find(e wire.Event, id string) *wire.Operation {
	for i, o := range e.InitialExecutionState.Operations {
		if o.ID == id {
			return &e.InitialExecutionState.Operations[i]
		}
	}
	return nil
}

// waiting is a handler with a callback, whose result it returns.
func waiting(t *testing.T, api *lambda.Client, e wire.Event) wire.Answer {
	o := find(e, "1")
	if o == nil {
		_, err := api.CheckpointDurableExecution(t.Context(), &lambda.CheckpointDurableExecutionInput{
			DurableExecutionArn: &e.DurableExecutionArn, CheckpointToken: &e.CheckpointToken,
			Updates: []types.OperationUpdate{{Id: aws.String("1"), Type: "CALLBACK", SubType: aws.String("Callback"), Name: aws.String("ask"), Action: "START"}},
		})
		if err != nil {
			t.Error(err)
		}
		return wire.Answer{Status: wire.StatusPending}
	}
	switch result, failure := o.Result(); o.Status {
	case wire.StatusSucceeded:
		return wire.Answer{Status: wire.StatusSucceeded, Result: result}
	case wire.StatusFailed:
		return wire.Answer{Status: wire.StatusFailed, Error: failure}
	}
	return wire.Answer{Status: wire.StatusPending}
}

// begin invokes the function asynchronously and returns the ARN of the execution.
func begin(t *testing.T, api *lambda.Client, name, payload string) *string {
	t.Helper()
	out, err := api.Invoke(t.Context(), &lambda.InvokeInput{
		FunctionName: aws.String("f:$LATEST"), InvocationType: "Event", DurableExecutionName: &name, Payload: []byte(payload),
	})
	if err != nil {
		t.Fatal(err)
	}
	if out.StatusCode != http.StatusAccepted || out.DurableExecutionArn == nil {
		t.Fatalf("status %d, ARN %v", out.StatusCode, out.DurableExecutionArn)
	}
	return out.DurableExecutionArn
}

// until calls check again and again until it returns true.
func until(t *testing.T, check func() bool) {
	t.Helper()
	guard, tick := time.NewTimer(10*time.Second), time.NewTicker(5*time.Millisecond)
	defer guard.Stop()
	defer tick.Stop()
	for !check() {
		select {
		case <-tick.C:
		case <-guard.C:
			t.Fatal("it has not happened for 10 s")
		}
	}
}

// history returns the types of the events of an execution, and the id of its callback.
func history(t *testing.T, api *lambda.Client, arn *string) (events []string, callback *string) {
	t.Helper()
	out, err := api.GetDurableExecutionHistory(t.Context(), &lambda.GetDurableExecutionHistoryInput{DurableExecutionArn: arn, IncludeExecutionData: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range out.Events {
		events = append(events, string(e.EventType))
		if d := e.CallbackStartedDetails; d != nil {
			callback = d.CallbackId
		}
	}
	return events, callback
}

// suspendedFor waits until the execution waits for its callback, and returns the id of that.
func suspendedFor(t *testing.T, api *lambda.Client, arn *string) (callback *string) {
	t.Helper()
	until(t, func() bool {
		var events []string
		events, callback = history(t, api, arn)
		return callback != nil && events[len(events)-1] == "InvocationCompleted"
	})
	return callback
}

func status(t *testing.T, api *lambda.Client, arn *string) *lambda.GetDurableExecutionOutput {
	t.Helper()
	out, err := api.GetDurableExecution(t.Context(), &lambda.GetDurableExecutionInput{DurableExecutionArn: arn})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestCallbackWithAWSClient(t *testing.T) {
	_, api := serve(t, Config{}, waiting)
	arn := begin(t, api, "one", `{"a":1}`)
	id := suspendedFor(t, api, arn)
	if _, err := api.SendDurableExecutionCallbackHeartbeat(t.Context(), &lambda.SendDurableExecutionCallbackHeartbeatInput{CallbackId: id}); err != nil {
		t.Fatal(err)
	}
	answer := &lambda.SendDurableExecutionCallbackSuccessInput{CallbackId: id, Result: []byte(`"yes"`)}
	if _, err := api.SendDurableExecutionCallbackSuccess(t.Context(), answer); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool { return status(t, api, arn).Status == types.ExecutionStatusSucceeded })
	got := status(t, api, arn)
	if aws.ToString(got.Result) != `"yes"` || aws.ToString(got.InputPayload) != `{"a":1}` || aws.ToString(got.DurableExecutionName) != "one" {
		t.Errorf("got %+v", got)
	}
	events, _ := history(t, api, arn)
	want := "ExecutionStarted CallbackStarted InvocationCompleted CallbackSucceeded InvocationCompleted ExecutionSucceeded"
	if strings.Join(events, " ") != want {
		t.Errorf("history:\n got %v\nwant %s", events, want)
	}
	_, err := api.SendDurableExecutionCallbackSuccess(t.Context(), answer)
	if _, ok := errors.AsType[*types.CallbackTimeoutException](err); !ok {
		t.Errorf("a second answer: %v, want a CallbackTimeoutException", err)
	}
}

func TestCallbackFails(t *testing.T) {
	_, api := serve(t, Config{}, waiting)
	arn := begin(t, api, "one", `{}`)
	_, err := api.SendDurableExecutionCallbackFailure(t.Context(), &lambda.SendDurableExecutionCallbackFailureInput{
		CallbackId: suspendedFor(t, api, arn), Error: &types.ErrorObject{ErrorType: aws.String("Refused"), ErrorMessage: aws.String("no")},
	})
	if err != nil {
		t.Fatal(err)
	}
	until(t, func() bool { return status(t, api, arn).Status == types.ExecutionStatusFailed })
	if e := status(t, api, arn).Error; aws.ToString(e.ErrorType) != "Refused" || aws.ToString(e.ErrorMessage) != "no" {
		t.Errorf("the error is %v", e)
	}
}

func TestNamesOfExecutions(t *testing.T) {
	_, api := serve(t, Config{}, waiting)
	arn := begin(t, api, "same", `{"a":1}`)
	if again := begin(t, api, "same", `{"a":1}`); *again != *arn {
		t.Errorf("the same name and payload: %s, want %s", *again, *arn)
	}
	_, err := api.Invoke(t.Context(), &lambda.InvokeInput{
		FunctionName: aws.String("f"), InvocationType: "Event", DurableExecutionName: aws.String("same"), Payload: []byte(`{"a":2}`),
	})
	if _, ok := errors.AsType[*types.DurableExecutionAlreadyStartedException](err); !ok {
		t.Errorf("another payload: %v, want a DurableExecutionAlreadyStartedException", err)
	}
	suspendedFor(t, api, arn)
}

func TestStopAndList(t *testing.T) {
	_, api := serve(t, Config{}, waiting)
	arn := begin(t, api, "one", `{}`)
	suspendedFor(t, api, arn)
	_, err := api.StopDurableExecution(t.Context(), &lambda.StopDurableExecutionInput{
		DurableExecutionArn: arn, Error: &types.ErrorObject{ErrorMessage: aws.String("enough")},
	})
	if err != nil {
		t.Fatal(err)
	}
	list, err := api.ListDurableExecutionsByFunction(t.Context(), &lambda.ListDurableExecutionsByFunctionInput{
		FunctionName: aws.String("f"), Statuses: []types.ExecutionStatus{types.ExecutionStatusStopped},
	})
	if err != nil || len(list.DurableExecutions) != 1 || *list.DurableExecutions[0].DurableExecutionArn != *arn {
		t.Errorf("got %+v, %v", list, err)
	}
	_, err = api.CheckpointDurableExecution(t.Context(), &lambda.CheckpointDurableExecutionInput{DurableExecutionArn: arn, CheckpointToken: aws.String("x")})
	if _, ok := errors.AsType[*types.InvalidParameterValueException](err); !ok {
		t.Errorf("a checkpoint after the stop: %v, want an InvalidParameterValueException", err)
	}
}

// An execution of --data goes on in another backend.
func TestData(t *testing.T) {
	dir := t.TempDir()
	b, api := serve(t, Config{Dir: dir}, waiting)
	arn := begin(t, api, "kept", `{}`)
	id := suspendedFor(t, api, arn)
	b.Close()
	_, api = serve(t, Config{Dir: dir}, waiting)
	if _, err := api.SendDurableExecutionCallbackSuccess(t.Context(), &lambda.SendDurableExecutionCallbackSuccessInput{CallbackId: id, Result: []byte("1")}); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool { return status(t, api, arn).Status == types.ExecutionStatusSucceeded })
}

// A handler that suspends itself for nothing is invoked again, but not for ever.
func TestPendingForNothing(t *testing.T) {
	_, api := serve(t, Config{SkipTime: true}, func(*testing.T, *lambda.Client, wire.Event) wire.Answer {
		return wire.Answer{Status: wire.StatusPending}
	})
	arn := begin(t, api, "one", `{}`)
	until(t, func() bool { return status(t, api, arn).Status == types.ExecutionStatusFailed })
	if e := status(t, api, arn).Error; !strings.Contains(aws.ToString(e.ErrorMessage), "no pending operations") {
		t.Errorf("the error is %v", e)
	}
}
