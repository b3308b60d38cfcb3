package durable

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"lambda-r-runtime/protocol"
)

const arn = "arn:aws:lambda:eu-west-1:1:function:f:1/durable-execution/name/id"

// A server is the API of one execution. Replies are its answers to checkpoints, the last one for ever.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	replies  []func(w http.ResponseWriter, token string)
	requests []CheckpointRequest
	headers  http.Header
	path     string
}

func newServer(t *testing.T, replies ...func(http.ResponseWriter, string)) *server {
	s := &server{replies: replies}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.headers, s.path = r.Header, r.URL.EscapedPath()
		var request CheckpointRequest
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			t.Error(err)
		}
		s.requests = append(s.requests, request)
		s.replies[min(len(s.requests), len(s.replies))-1](w, fmt.Sprint("t", len(s.requests)))
	}))
	t.Cleanup(s.Close)
	return s
}

// accept is a reply with operations, in JSON.
func accept(operations string) func(http.ResponseWriter, string) {
	return func(w http.ResponseWriter, token string) {
		fmt.Fprintf(w, `{"CheckpointToken":%q,"NewExecutionState":{"Operations":[%s]}}`, token, operations)
	}
}

func refuse(status int, code, message string) func(http.ResponseWriter, string) {
	return func(w http.ResponseWriter, _ string) {
		w.Header().Set("X-Amzn-Errortype", code)
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"Message":%q}`, message)
	}
}

// begin begins an execution with the given operations, in JSON, beside the EXECUTION.
func (s *server) begin(t *testing.T, operations string) *Execution {
	t.Helper()
	event := fmt.Sprintf(`{"DurableExecutionArn":%q,"CheckpointToken":"t0","InitialExecutionState":{"Operations":[
		{"Id":"id","Type":"EXECUTION","Status":"STARTED","StartTimestamp":1764000000000,"ExecutionDetails":{"InputPayload":"{\"a\":1}"}}%s]}}`, arn, operations)
	if !Recognise([]byte(event)) {
		t.Error("the event is not recognised")
	}
	x := Begin(t.Context(), time.Time{}, NewLocalClient(s.URL), []byte(event), slog.New(slog.DiscardHandler))
	t.Cleanup(x.Close)
	return x
}

func step(action string) protocol.Operation {
	return protocol.Operation{ID: "1", Type: TypeStep, SubType: "Step", Name: "load", Action: action}
}

func TestStepIsOneCall(t *testing.T) {
	s := newServer(t, accept(`{"Id":"1","Type":"STEP","SubType":"Step","Name":"load","Status":"SUCCEEDED","StepDetails":{"Attempt":1,"Result":"5"}}`))
	x := s.begin(t, "")
	if f := x.Frame(); f.ARN != arn || f.StartedMs != 1764000000000 || len(f.Known) != 0 || string(x.Input()) != `{"a":1}` {
		t.Errorf("frame %+v, input %s", f, x.Input())
	}
	if outcome, _ := x.Operate(step(protocol.ActionStart), nil); outcome.Status != "" || outcome.Stop {
		t.Errorf("start: %+v", outcome)
	}
	outcome, payload := x.Operate(step(protocol.ActionSucceed), []byte("5"))
	if outcome.Status != StatusSucceeded || string(payload) != "5" {
		t.Errorf("succeed: %+v, %s", outcome, payload)
	}
	if len(s.requests) != 1 || len(s.requests[0].Updates) != 2 || s.requests[0].CheckpointToken != "t0" || s.requests[0].ClientToken == "" {
		t.Errorf("requests %+v", s.requests)
	}
	answer, err := x.Succeeded([]byte("5"))
	if got := string(answer.Encode()); err != nil || got != `{"Status":"SUCCEEDED","Result":"5"}` {
		t.Errorf("answer %s, %v", got, err)
	}
}

func TestStoredStepIsNotSent(t *testing.T) {
	s := newServer(t, accept(""))
	x := s.begin(t, `,{"Id":"1","Type":"STEP","SubType":"Step","Name":"load","Status":"FAILED","StepDetails":{"Attempt":2,"Error":{"ErrorType":"e","ErrorMessage":"m"}}}`)
	outcome, _ := x.Operate(step(protocol.ActionStart), nil)
	if outcome.Status != StatusFailed || outcome.Attempt != 2 || outcome.Error.Message != "m" || len(s.requests) != 0 {
		t.Errorf("outcome %+v, requests %v", outcome, s.requests)
	}
}

// The errors of the API are retried, make Lambda retry the invocation, or fail the execution.
func TestErrorsOfTheAPI(t *testing.T) {
	done := accept(`{"Id":"1","Type":"STEP","SubType":"Step","Name":"load","Status":"SUCCEEDED","StepDetails":{"Attempt":1}}`)
	for _, test := range []struct {
		name   string
		reply  func(http.ResponseWriter, string)
		status string // of the answer; "" if the invocation fails
		calls  int
	}{
		{"throttled", refuse(429, "TooManyRequestsException", "slow"), StatusSucceeded, 2},
		{"down", refuse(500, "ServiceException", ""), StatusSucceeded, 2},
		{"stale token", refuse(400, "InvalidParameterValueException", "Invalid checkpoint token: x"), "", 1},
		{"stale token in capitals", refuse(400, "InvalidParameterValueException:http://x", "Invalid Checkpoint Token"), "", 1},
		{"another parameter", refuse(400, "InvalidParameterValueException", "no"), StatusFailed, 1},
		{"not allowed", refuse(403, "AccessDeniedException", "no"), StatusFailed, 1},
		{"a key that is disabled", refuse(502, "KMSDisabledException", "no"), StatusFailed, 1},
		{"no further token", func(w http.ResponseWriter, _ string) { fmt.Fprint(w, `{"NewExecutionState":{}}`) }, StatusSucceeded, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t, test.reply, done)
			x := s.begin(t, "")
			outcome, _ := x.Operate(step(protocol.ActionSucceed), []byte("5"))
			var answer Answer
			var err error
			if outcome.Stop {
				answer, err = x.Suspended()
			} else {
				answer, err = x.Succeeded([]byte("5"))
			}
			if answer.Status != test.status || (err != nil) != (test.status == "") || len(s.requests) != test.calls {
				t.Errorf("answer %+v, %v after %d calls; want %q after %d", answer, err, len(s.requests), test.status, test.calls)
			}
			if len(s.requests) == 2 && s.requests[0].ClientToken != s.requests[1].ClientToken {
				t.Error("the retry has another client token")
			}
			if outcome, _ := x.Operate(step(protocol.ActionGet), nil); outcome.Stop != (test.status != StatusSucceeded) {
				t.Errorf("a later operation: %+v", outcome)
			}
		})
	}
}

func TestDeadlineEndsRetries(t *testing.T) {
	s := newServer(t, refuse(500, "ServiceException", ""))
	event := fmt.Sprintf(`{"DurableExecutionArn":%q,"CheckpointToken":"t0","InitialExecutionState":{}}`, arn)
	x := Begin(t.Context(), time.Now().Add(30*time.Millisecond), NewLocalClient(s.URL), []byte(event), slog.New(slog.DiscardHandler))
	defer x.Close()
	if outcome, _ := x.Operate(step(protocol.ActionSucceed), []byte("5")); !outcome.Stop {
		t.Errorf("outcome %+v", outcome)
	}
	if _, err := x.Suspended(); err == nil || !strings.Contains(err.Error(), "deadline is near") {
		t.Errorf("error %v", err)
	}
}

// Each misuse fails the execution at once, and its message has the fix.
func TestRefusedOperations(t *testing.T) {
	stored := `,{"Id":"1","Type":"WAIT","SubType":"Wait","Status":"SUCCEEDED"}`
	wait := protocol.Operation{ID: "2", Type: TypeWait, SubType: "Wait", Action: protocol.ActionStart, WaitSeconds: 0.5}
	accented := step(protocol.ActionStart)
	accented.ID, accented.Name = "2", "é"
	big := step(protocol.ActionSucceed)
	big.ID = "2"
	for _, test := range []struct {
		name, text string
		op         protocol.Operation
		payload    []byte
	}{
		{"another operation", `was Wait 1 and is now Step "load"`, step(protocol.ActionStart), nil},
		{"a short wait", "from 1 second to 366 days", wait, nil},
		{"a name", "printable ASCII", accented, nil},
		{"a large payload", `Step "load": the payload has 300000 bytes`, big, make([]byte, 300000)},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t, accept(""))
			x := s.begin(t, stored)
			if outcome, _ := x.Operate(test.op, test.payload); !outcome.Stop {
				t.Errorf("outcome %+v", outcome)
			}
			answer, err := x.Suspended()
			if err != nil || answer.Status != StatusFailed || !strings.Contains(answer.Error.ErrorMessage, test.text) || len(s.requests) != 0 {
				t.Errorf("answer %+v, %v, %d requests", answer, err, len(s.requests))
			}
		})
	}
}

// A handler that waits for something which has ended meanwhile runs again at once.
func TestAgain(t *testing.T) {
	s := newServer(t, accept(`{"Id":"1","Type":"WAIT","SubType":"Wait","Status":"STARTED"}`), accept(`{"Id":"1","Type":"WAIT","SubType":"Wait","Status":"SUCCEEDED"}`))
	x := s.begin(t, "")
	wait := protocol.Operation{ID: "1", Type: TypeWait, SubType: "Wait", Action: protocol.ActionStart, WaitSeconds: 1}
	if outcome, _ := x.Operate(wait, nil); outcome.Status != StatusStarted || x.Again() {
		t.Errorf("outcome %+v, and the handler runs again", outcome)
	}
	if answer, err := x.Suspended(); err != nil || answer.Status != StatusPending {
		t.Errorf("answer %+v, %v", answer, err)
	}
	other := step(protocol.ActionSucceed)
	other.ID = "2"
	x.Operate(other, []byte("1"))
	if !x.Again() {
		t.Error("the wait has ended, and the handler does not run again")
	}
	x.Frame()
	if outcome, _ := x.Operate(wait, nil); outcome.Status != StatusSucceeded {
		t.Errorf("in the second run: %+v", outcome)
	}
}

func TestLargeResultIsStored(t *testing.T) {
	s := newServer(t, accept(""))
	x := s.begin(t, "")
	answer, err := x.Succeeded([]byte(`"` + strings.Repeat("x", maxAnswer) + `"`))
	if got := string(answer.Encode()); err != nil || got != `{"Status":"SUCCEEDED","Result":""}` {
		t.Errorf("answer %.80s, %v", got, err)
	}
	if u := s.requests[0].Updates[0]; u.Type != TypeExecution || u.ID != "id" || u.Action != ActionSucceed {
		t.Errorf("update %s %s %s", u.Type, u.ID, u.Action)
	}
}

func TestEventsThatAreNotOfAnExecution(t *testing.T) {
	for _, event := range []string{`{}`, `[1]`, `{"a":"` + strings.Repeat("x", 600) + `DurableExecutionArn"}`} {
		if Recognise([]byte(event)) {
			t.Errorf("%.40s is recognised", event)
		}
	}
	for _, event := range []string{`{"DurableExecutionArn":"a"}`, `{"DurableExecutionArn":1}`, `{"DurableExecutionArn"`} {
		x := Begin(t.Context(), time.Time{}, NewLocalClient("http://127.0.0.1:1"), []byte(event), slog.New(slog.DiscardHandler))
		if answer, err := x.Suspended(); err != nil || answer.Status != StatusFailed || !x.Stopped() {
			t.Errorf("%s: %+v, %v", event, answer, err)
		}
		x.Close()
	}
}

func TestRequestsAreSigned(t *testing.T) {
	s := newServer(t, accept(""))
	env := map[string]string{
		"AWS_ENDPOINT_URL_LAMBDA": s.URL, "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
		"AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "session",
	}
	c := NewClient(func(name string) string { return env[name] })
	if _, err := c.checkpoint(context.Background(), arn, CheckpointRequest{CheckpointToken: "t0"}); err != nil {
		t.Fatal(err)
	}
	authorization := s.headers.Get("Authorization")
	if !strings.HasPrefix(authorization, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/") || !strings.Contains(authorization, "/eu-west-1/lambda/aws4_request") ||
		s.headers.Get("X-Amz-Security-Token") != "session" || strings.Contains(authorization, "secret") {
		t.Errorf("headers %v", s.headers)
	}
	if want := "/2025-12-01/durable-executions/arn%3Aaws%3Alambda%3Aeu-west-1%3A1%3Afunction%3Af%3A1%2Fdurable-execution%2Fname%2Fid/checkpoint"; s.path != want {
		t.Errorf("path %s, want %s", s.path, want)
	}
	delete(env, "AWS_ACCESS_KEY_ID")
	if _, err := c.checkpoint(context.Background(), arn, CheckpointRequest{}); err == nil || permanent(err) != true {
		t.Errorf("without credentials: %v", err)
	}
}

func TestTimestamps(t *testing.T) {
	for _, text := range []string{"1764000000000", "1764000000", "1764000000.000", `"2025-11-24T16:00:00Z"`} {
		var got Timestamp
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != 1764000000000 {
			t.Errorf("%s: got %d, %v", text, got, err)
		}
	}
	if text, err := json.Marshal(Timestamp(1764000000123)); err != nil || string(text) != "1764000000.123" {
		t.Errorf("got %s, %v", text, err)
	}
}
