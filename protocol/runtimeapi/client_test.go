package runtimeapi_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	"lambda-r-runtime/protocol/runtimeapi"
)

var report = &runtimeapi.ErrorReport{Type: "simpleError", Message: "no\tsuch é"}

func TestReports(t *testing.T) {
	inv := &runtimeapi.Invocation{ID: "id-1"}
	for _, test := range []struct {
		name        string
		call        func(*runtimeapi.Client) error
		uri         string
		contentType string
		errorType   string
		xray        string
		body        []byte
	}{
		{
			name:        "a response",
			call:        func(c *runtimeapi.Client) error { return c.Respond(t.Context(), inv, []byte(`{"a":1}`)) },
			uri:         "/2018-06-01/runtime/invocation/id-1/response",
			contentType: "application/json",
			body:        []byte(`{"a":1}`),
		},
		{
			name:        "an empty response",
			call:        func(c *runtimeapi.Client) error { return c.Respond(t.Context(), inv, nil) },
			uri:         "/2018-06-01/runtime/invocation/id-1/response",
			contentType: "application/json",
		},
		{
			name: "a large response",
			call: func(c *runtimeapi.Client) error {
				return c.Respond(t.Context(), inv, make([]byte, runtimeapi.MaxResponse))
			},
			uri:         "/2018-06-01/runtime/invocation/id-1/response",
			contentType: "application/json",
			body:        make([]byte, runtimeapi.MaxResponse),
		},
		{
			name:        "an invocation error",
			call:        func(c *runtimeapi.Client) error { return c.InvocationError(t.Context(), inv, report) },
			uri:         "/2018-06-01/runtime/invocation/id-1/error",
			contentType: "application/vnd.aws.lambda.error+json",
			errorType:   "Function.SimpleError",
			xray:        report.XRayCause(),
			body:        report.Body(),
		},
		{
			name:        "an invocation error with the longest X-Ray cause",
			call:        func(c *runtimeapi.Client) error { return c.InvocationError(t.Context(), inv, widestReport()) },
			uri:         "/2018-06-01/runtime/invocation/id-1/error",
			contentType: "application/vnd.aws.lambda.error+json",
			errorType:   "Function.Error",
			xray:        widestReport().XRayCause(),
			body:        widestReport().Body(),
		},
		{
			name:        "an init error",
			call:        func(c *runtimeapi.Client) error { return c.InitError(t.Context(), report) },
			uri:         "/2018-06-01/runtime/init/error",
			contentType: "application/vnd.aws.lambda.error+json",
			errorType:   "Function.SimpleError",
			body:        report.Body(),
		},
		{
			name:        "a restore error",
			call:        func(c *runtimeapi.Client) error { return c.RestoreError(t.Context(), report) },
			uri:         "/2018-06-01/runtime/restore/error",
			contentType: "application/vnd.aws.lambda.error+json",
			errorType:   "Function.SimpleError",
			body:        report.Body(),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			api := newFakeAPI(t, status(http.StatusAccepted, `{"status":"OK"}`))
			if err := test.call(newClient(t, api.address)); err != nil {
				t.Fatal(err)
			}
			c := api.last(t)
			if c.method != http.MethodPost || c.uri != test.uri {
				t.Errorf("called %s %s", c.method, c.uri)
			}
			if !bytes.Equal(c.body, test.body) {
				t.Errorf("posted %d bytes %.80q, want %d", len(c.body), c.body, len(test.body))
			}
			// A chunked post would be a streamed response.
			if c.length != int64(len(test.body)) || c.encoding != nil {
				t.Errorf("Content-Length is %d with transfer encoding %v, want %d", c.length, c.encoding, len(test.body))
			}
			for name, want := range map[string]string{
				"Content-Type":                             test.contentType,
				"User-Agent":                               "lambda-r-runtime/1.2.3",
				"Lambda-Runtime-Function-Error-Type":       test.errorType,
				"Lambda-Runtime-Function-XRay-Error-Cause": test.xray,
				"Lambda-Runtime-Function-Response-Mode":    "", // "buffered" is answered with 400
			} {
				if got := c.header.Get(name); got != want {
					t.Errorf("%s is %.80q, want %.80q", name, got, want)
				}
			}
		})
	}
}

func TestReportsEscapeTheID(t *testing.T) {
	for id, escaped := range map[string]string{
		"a/b":  "a%2Fb",
		"a b":  "a%20b",
		"a%2F": "a%252F",
		"a?b#": "a%3Fb%23",
		"é":    "%C3%A9",
	} {
		api := newFakeAPI(t, status(http.StatusAccepted, ""))
		c := newClient(t, api.address)
		inv := &runtimeapi.Invocation{ID: id}
		if err := c.Respond(t.Context(), inv, []byte("1")); err != nil {
			t.Fatal(err)
		}
		if got, want := api.last(t).uri, "/2018-06-01/runtime/invocation/"+escaped+"/response"; got != want {
			t.Errorf("called %s, want %s", got, want)
		}
		if err := c.InvocationError(t.Context(), inv, report); err != nil {
			t.Fatal(err)
		}
		if got, want := api.last(t).uri, "/2018-06-01/runtime/invocation/"+escaped+"/error"; got != want {
			t.Errorf("called %s, want %s", got, want)
		}
	}
}

func TestReportsEchoTheInvocationID(t *testing.T) {
	api := newFakeAPI(t, status(http.StatusAccepted, ""))
	c := newClient(t, api.address)
	for _, invocationID := range []string{"", "opaque; x=1"} {
		inv := &runtimeapi.Invocation{ID: "id", InvocationID: invocationID}
		var want []string
		if invocationID != "" {
			want = []string{invocationID}
		}
		check := func(kind string, err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			got := api.last(t).header.Values("Lambda-Runtime-Invocation-Id")
			if len(got) != len(want) || len(got) == 1 && got[0] != want[0] {
				t.Errorf("%s: Lambda-Runtime-Invocation-Id is %q, want %q", kind, got, want)
			}
		}
		check("response", c.Respond(t.Context(), inv, []byte("1")))
		check("error", c.InvocationError(t.Context(), inv, report))
	}
}

// everyCall calls each operation of the API once.
func everyCall(t *testing.T, c *runtimeapi.Client, check func(op string, err error)) {
	t.Helper()
	inv := &runtimeapi.Invocation{ID: "id-1"}
	_, err := c.Next(t.Context())
	check("GET /invocation/next", err)
	check("POST /invocation/{id}/response", c.Respond(t.Context(), inv, []byte("1")))
	check("POST /invocation/{id}/error", c.InvocationError(t.Context(), inv, report))
	check("POST /init/error", c.InitError(t.Context(), report))
	check("POST /restore/error", c.RestoreError(t.Context(), report))
}

func TestOtherStatusesAreStatusErrors(t *testing.T) {
	// The Runtime API has no redirects, so none is followed (nothing listens where this one
	// leads). Each call has one status for success.
	for _, code := range []int{204, 302, 307, 400, 403, 410, 413, 500, 503} {
		api := newFakeAPI(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", deadProxy)
			status(code, "  because\n")(w, nil)
		})
		want := "because"
		if code == http.StatusNoContent {
			want = ""
		}
		everyCall(t, newClient(t, api.address), func(op string, err error) {
			e, ok := errors.AsType[*runtimeapi.StatusError](err)
			if !ok {
				t.Errorf("%d to %s: got %v, want a StatusError", code, op, err)
				return
			}
			if *e != (runtimeapi.StatusError{Op: op, Status: code, Body: want}) {
				t.Errorf("%d to %s: got %+v", code, op, *e)
			}
		})
	}
}

func TestStatusErrorKeepsOnlyTheBeginningOfTheAnswer(t *testing.T) {
	api := newFakeAPI(t, status(http.StatusInternalServerError, "begin"+strings.Repeat("x", 1<<20)))
	_, err := newClient(t, api.address).Next(t.Context())
	e, ok := errors.AsType[*runtimeapi.StatusError](err)
	if !ok || !strings.HasPrefix(e.Body, "begin") || len(e.Body) > 4<<10 {
		t.Errorf("got %.200v, want a StatusError with a short body", err)
	}
}

func TestStatusErrorText(t *testing.T) {
	for _, test := range []struct {
		e    runtimeapi.StatusError
		want string
	}{
		{runtimeapi.StatusError{Op: "GET /x", Status: 403, Body: "no"}, "GET /x: status 403 no"},
		{runtimeapi.StatusError{Op: "GET /x", Status: 500}, "GET /x: status 500"},
	} {
		if got := test.e.Error(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestConnectionsAreReused(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"success": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set(runtimeapi.HeaderRequestID, "id")
			if r.Method == http.MethodPost {
				w.WriteHeader(http.StatusAccepted)
			}
			_, _ = w.Write(make([]byte, 100_000))
		},
		"errors":      status(http.StatusForbidden, `{"errorType":"InvalidStateTransition"}`),
		"long errors": status(http.StatusForbidden, strings.Repeat("x", 100_000)),
	} {
		t.Run(name, func(t *testing.T) {
			api := newFakeAPI(t, answer)
			c := newClient(t, api.address)
			for range 20 {
				everyCall(t, c, func(op string, err error) {
					if _, refused := errors.AsType[*runtimeapi.StatusError](err); err != nil && !refused {
						t.Fatalf("%s: %v", op, err)
					}
				})
			}
			if n := api.connectionCount(); n != 1 {
				t.Errorf("80 calls took %d connections", n)
			}
		})
	}
}

func TestUnreachableAPI(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	everyCall(t, newClient(t, address), func(op string, err error) {
		if _, status := errors.AsType[*runtimeapi.StatusError](err); err == nil || status || !strings.Contains(err.Error(), op) {
			t.Errorf("%s: got %v, want what went wrong on the way", op, err)
		}
	})
}

func TestReportsStopWithTheirContext(t *testing.T) {
	api := newFakeAPI(t, status(http.StatusAccepted, ""))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := newClient(t, api.address).Respond(ctx, &runtimeapi.Invocation{ID: "id"}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// A proxy that a function sets for its own calls is not used. TestMain sets one.
func TestProxyVariablesAreIgnored(t *testing.T) {
	api := newFakeAPI(t, event("{}", map[string]string{runtimeapi.HeaderRequestID: "id"}))
	_, port, err := net.SplitHostPort(api.address)
	if err != nil {
		t.Fatal(err)
	}
	// net/http never uses a proxy for a loopback address. This address is on the same machine
	// and does not count as one.
	address := net.JoinHostPort("0.0.0.0", port)
	req, err := http.NewRequest(http.MethodGet, "http://"+address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if proxy, err := http.ProxyFromEnvironment(req); err != nil || proxy == nil {
		t.Fatalf("net/http would use proxy %v (%v): the test shows nothing", proxy, err)
	}
	if _, err := newClient(t, address).Next(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestNewClientTakesHostAndPort(t *testing.T) {
	for _, address := range []string{"127.0.0.1:9001", "localhost:9001", "[::1]:9001", "169.254.100.1:9001"} {
		c, err := runtimeapi.NewClient(address, "1", 1)
		if err != nil {
			t.Errorf("%q: %v", address, err)
			continue
		}
		c.Close()
	}
	for _, address := range []string{
		"", ":", "host", "host:", ":9001", "::1:9001", "[::1]", // incomplete
		"http://host:9001", "http://host", "host:9001/", "host:9001/path", // a URL, or a part of one
		"host:http", "host:99999", "host:-1", "host:0x50", // not a port
		"user@host:9001", "ho st:9001", "host\n:9001", " host:9001", "host:9001 ", // not a host
	} {
		if _, err := runtimeapi.NewClient(address, "1", 1); err == nil {
			t.Errorf("%q: no error", address)
		} else if !strings.Contains(err.Error(), "AWS_LAMBDA_RUNTIME_API") {
			t.Errorf("%q: %v does not say where it comes from", address, err)
		}
	}
}
