package runtimeapi_test

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"lambda-r-runtime/protocol/runtimeapi"
)

func TestNextReadsTheInvocation(t *testing.T) {
	const id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
	for _, test := range []struct {
		name   string
		header map[string]string
		event  string
		want   runtimeapi.Invocation
	}{
		{
			name: "all headers",
			header: map[string]string{
				"Lambda-Runtime-Aws-Request-Id":       id,
				"Lambda-Runtime-Deadline-Ms":          "1542409706888",
				"Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:1:function:f",
				"Lambda-Runtime-Trace-Id":             "Root=1-5bef4de7;Parent=9a9197af;Sampled=1",
				"Lambda-Runtime-Client-Context":       `{"custom":{"a":"b"}}`,
				"Lambda-Runtime-Cognito-Identity":     `{"cognitoIdentityId":"i","cognitoIdentityPoolId":"p"}`,
				"Lambda-Runtime-Aws-Tenant-Id":        "blue",
				"Lambda-Runtime-Invocation-Id":        "echo me",
			},
			event: `{"x":"é"}`,
			want: runtimeapi.Invocation{
				ID:              id,
				Deadline:        time.UnixMilli(1542409706888),
				FunctionARN:     "arn:aws:lambda:us-east-1:1:function:f",
				TraceID:         "Root=1-5bef4de7;Parent=9a9197af;Sampled=1",
				ClientContext:   `{"custom":{"a":"b"}}`,
				CognitoIdentity: `{"cognitoIdentityId":"i","cognitoIdentityPoolId":"p"}`,
				TenantID:        "blue",
				InvocationID:    "echo me",
				Event:           []byte(`{"x":"é"}`),
			},
		},
		{
			name:   "only the id, which need not be a UUID",
			header: map[string]string{"Lambda-Runtime-Aws-Request-Id": "a b/c%d"},
			event:  "1",
			want:   runtimeapi.Invocation{ID: "a b/c%d", Event: []byte("1")},
		},
		{
			name: "empty headers count as absent",
			header: map[string]string{
				"Lambda-Runtime-Aws-Request-Id":       id,
				"Lambda-Runtime-Deadline-Ms":          "",
				"Lambda-Runtime-Invoked-Function-Arn": "",
				"Lambda-Runtime-Trace-Id":             "",
				"Lambda-Runtime-Client-Context":       "",
				"Lambda-Runtime-Cognito-Identity":     "",
				"Lambda-Runtime-Aws-Tenant-Id":        "",
				"Lambda-Runtime-Invocation-Id":        "",
			},
			event: "{}",
			want:  runtimeapi.Invocation{ID: id, Event: []byte("{}")},
		},
		{
			name:   "an empty event",
			header: map[string]string{"Lambda-Runtime-Aws-Request-Id": id},
			want:   runtimeapi.Invocation{ID: id, Event: []byte{}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			api := newFakeAPI(t, event(test.event, test.header))
			got, err := newClient(t, api.address).Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(*got, test.want) {
				t.Errorf("got  %+v\nwant %+v", *got, test.want)
			}
			fields := reflect.ValueOf(*got)
			for i := range fields.NumField() {
				if test.name == "all headers" && fields.Field(i).IsZero() {
					t.Errorf("no header sets %s", fields.Type().Field(i).Name)
				}
			}
			c := api.last(t)
			if c.method != http.MethodGet || c.uri != "/2018-06-01/runtime/invocation/next" {
				t.Errorf("called %s %s", c.method, c.uri)
			}
			if got := c.header.Get("User-Agent"); got != "lambda-r-runtime/1.2.3" {
				t.Errorf("User-Agent is %q", got)
			}
			if got := c.header.Get("Accept-Encoding"); got != "" {
				t.Errorf("asked for compression: %q", got)
			}
		})
	}
}

// Lambda may stream an event, whose length is then unknown.
func TestNextReadsAChunkedEvent(t *testing.T) {
	half := strings.Repeat("x", 100_000)
	api := newFakeAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(runtimeapi.HeaderRequestID, "id")
		for range 2 {
			if _, err := w.Write([]byte(half)); err != nil {
				t.Error(err)
			}
			w.(http.Flusher).Flush()
		}
	})
	inv, err := newClient(t, api.address).Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if string(inv.Event) != half+half {
		t.Errorf("got %d bytes, want %d", len(inv.Event), 2*len(half))
	}
}

func TestNextRefusesWhatIsNoInvocation(t *testing.T) {
	for _, test := range []struct {
		name   string
		header map[string]string
		want   string
	}{
		{"no id", nil, runtimeapi.HeaderRequestID},
		{"an empty id", map[string]string{runtimeapi.HeaderRequestID: ""}, runtimeapi.HeaderRequestID},
	} {
		t.Run(test.name, func(t *testing.T) {
			api := newFakeAPI(t, event("{}", test.header))
			inv, err := newClient(t, api.address).Next(t.Context())
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %+v and error %v, want an error that names %s", inv, err, test.want)
			}
		})
	}
}

// An event with an invalid deadline was taken all the same, so it must be answered.
func TestDeadlineThatMakesNoSenseIsNone(t *testing.T) {
	for _, deadline := range []string{"soon", "1542409706888.5", "99999999999999999999", "-1", "0"} {
		api := newFakeAPI(t, event("{}", map[string]string{
			runtimeapi.HeaderRequestID: "id", runtimeapi.HeaderDeadlineMs: deadline}))
		inv, err := newClient(t, api.address).Next(t.Context())
		if err != nil || !inv.Deadline.IsZero() {
			t.Errorf("%s: got %+v and error %v, want no deadline", deadline, inv, err)
		}
	}
}

func TestNextStopsWithItsContext(t *testing.T) {
	asked, release := make(chan struct{}), make(chan struct{})
	api := newFakeAPI(t, func(http.ResponseWriter, *http.Request) {
		close(asked)
		<-release
	})
	defer close(release) // before the server closes, which waits for its calls
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { // ends with the call
		<-asked
		cancel()
	}()
	_, err := newClient(t, api.address).Next(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}
