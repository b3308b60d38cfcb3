package front_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"lambda-r-runtime/emulator/front"
)

var update = flag.Bool("update", false, "write the events to testdata")

// eventOf returns the event for a request.
func eventOf(t *testing.T, format front.Format, r *http.Request) string {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(format.Event(front.Request{
		HTTP: r, Body: body, ID: "ID", TraceID: "TRACE;Parent=0123456789abcdef;Sampled=0",
		Time: time.Date(2000, 1, 1, 1, 0, 0, 0, time.FixedZone("CET", 60*60)),
	}))
}

// checkGolden compares an event with a file in testdata.
func checkGolden(t *testing.T, name, event string) {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(event), "", "  "); err != nil {
		t.Fatal(err)
	}
	b.WriteByte('\n')
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("the event is\n%s\nwant that of %s", b.String(), path)
	}
}

// decode decodes an event with AWS's own types.
func decode[T any](t *testing.T, event string) (to T) {
	t.Helper()
	if err := json.Unmarshal([]byte(event), &to); err != nil {
		t.Fatal(err)
	}
	return to
}

// fullRequest uses every part of a request.
func fullRequest() *http.Request {
	r := httptest.NewRequest("POST", "http://api.example.com:9000/a%2Fb%20c//d?n=50&n=%C3%A9+x&flag&bad=%zz&m=%26%3D", strings.NewReader(`{"ä": "<&>"}`))
	r.RemoteAddr = "192.0.2.7:4711"
	r.Header = http.Header{
		"Accept":          {"text/html", "image/*"},
		"Connection":      {"keep-alive"},
		"Content-Type":    {"application/json; charset=utf-8"},
		"Cookie":          {"a=1; b=2", "c=3"},
		"User-Agent":      {"agent"},
		"X-Forwarded-For": {"198.51.100.1"},
	}
	return r
}

func emptyRequest() *http.Request {
	r := httptest.NewRequest("GET", "http://localhost/", nil)
	r.RemoteAddr = "[2001:db8::1]:4711"
	return r
}

func TestURLEvent(t *testing.T) {
	event := eventOf(t, front.FunctionURL, fullRequest())
	checkGolden(t, "url-full.json", event)
	got := decode[events.APIGatewayV2HTTPRequest](t, event)
	if got.Version != "2.0" || got.RouteKey != "$default" || got.RequestContext.Stage != "$default" || got.RequestContext.HTTP.Method != "POST" {
		t.Errorf("got %+v", got)
	}
	event = eventOf(t, front.FunctionURL, emptyRequest())
	checkGolden(t, "url-empty.json", event)
	if got := decode[events.LambdaFunctionURLRequest](t, event); got.RequestContext.HTTP.SourceIP != "2001:db8::1" {
		t.Errorf("got %+v", got)
	}
}

// Many values of one name are joined in linear time. Joining them one by one would allocate
// gigabytes.
func TestRepeatedNamesInTheQuery(t *testing.T) {
	const n = 80_000
	r := httptest.NewRequest("GET", "/?"+strings.Repeat("&a=b", n), nil)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	event := eventOf(t, front.FunctionURL, r)
	runtime.ReadMemStats(&after)
	got := decode[events.LambdaFunctionURLRequest](t, event)
	if want := strings.Repeat(",b", n)[1:]; got.QueryStringParameters["a"] != want {
		t.Errorf("the values are joined to %d bytes, want %d", len(got.QueryStringParameters["a"]), len(want))
	}
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 100<<20 {
		t.Errorf("%d bytes were allocated", allocated)
	}
}

func TestRESTEvent(t *testing.T) {
	event := eventOf(t, front.RESTAPI, fullRequest())
	checkGolden(t, "rest-full.json", event)
	got := decode[events.APIGatewayProxyRequest](t, event)
	if got.Resource != "/{proxy+}" || got.PathParameters["proxy"] != "a/b c//d" || got.QueryStringParameters["n"] != "é x" ||
		len(got.MultiValueHeaders["Accept"]) != 2 || got.RequestContext.Identity.SourceIP != "192.0.2.7" {
		t.Errorf("got %+v", got)
	}
	event = eventOf(t, front.RESTAPI, emptyRequest())
	checkGolden(t, "rest-empty.json", event)
	if got := decode[events.APIGatewayProxyRequest](t, event); got.PathParameters != nil || got.Resource != "/" {
		t.Errorf("got %+v", got)
	}
}

func TestALBEvent(t *testing.T) {
	event := eventOf(t, front.LoadBalancer, fullRequest())
	checkGolden(t, "alb-full.json", event)
	if got := decode[events.ALBTargetGroupRequest](t, event); got.QueryStringParameters["n"] != "%C3%A9+x" {
		t.Errorf("got %+v", got)
	}
	checkGolden(t, "alb-empty.json", eventOf(t, front.LoadBalancer, emptyRequest()))
}

func TestLatticeEvent(t *testing.T) {
	checkGolden(t, "lattice-full.json", eventOf(t, front.Lattice, fullRequest()))
	checkGolden(t, "lattice-empty.json", eventOf(t, front.Lattice, emptyRequest()))
}

// Some bodies are text in the event, the others are in base64.
func TestBodyOfTheEvent(t *testing.T) {
	for _, row := range []struct {
		contentType, encoding, body string
		base64                      string // the formats that encode it
	}{
		{"text/plain", "", "aé", ""},
		{"TEXT/CSV; charset=utf-8", "", "aé", ""},
		{"application/json", "", `{"a": 1}`, ""},
		{"application/xml", "", "<a/>", ""},
		{"application/javascript", "", "1", ""},
		{"application/problem+json", "", "{}", "url alb lattice"},
		{"application/x-www-form-urlencoded", "", "a=1", "url alb lattice"},
		{"image/png", "", "ascii", "url alb lattice"},
		{"", "", "a", "url alb lattice"},
		{"no/such/type", "", "a", "url alb lattice"},
		{"text/plain", "gzip", "a", "alb lattice"},
		{"text/plain", "", "\xff", "url rest alb lattice"},
		{"application/octet-stream", "", "\x00\xfe", "url rest alb lattice"},
		{"image/png", "", "", ""},
	} {
		for _, format := range []front.Format{front.FunctionURL, front.RESTAPI, front.LoadBalancer, front.Lattice} {
			r := httptest.NewRequest("POST", "/", strings.NewReader(row.body))
			r.Header.Set("Content-Type", row.contentType)
			if row.encoding != "" {
				r.Header.Set("Content-Encoding", row.encoding)
			}
			var got struct {
				Body            *string
				IsBase64Encoded bool
			}
			if err := json.Unmarshal([]byte(eventOf(t, format, r)), &got); err != nil {
				t.Fatal(err)
			}
			want := strings.Contains(row.base64, string(format))
			if got.IsBase64Encoded != want {
				t.Errorf("%s, %+v: base64 is %v", format, row, got.IsBase64Encoded)
			}
			switch {
			case row.body == "" && format != front.LoadBalancer && format != front.Lattice:
				if got.Body != nil {
					t.Errorf("%s, %+v: the body is %q", format, row, *got.Body)
				}
			case got.Body == nil || !want && *got.Body != row.body:
				t.Errorf("%s, %+v: the body has changed", format, row)
			}
		}
	}
}
