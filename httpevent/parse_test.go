package httpevent_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"lambda-r-runtime/httpevent"
)

func TestTargets(t *testing.T) {
	for event, want := range map[string]string{
		// API Gateway, HTTP API with a named stage.
		`{"version":"2.0","rawPath":"/prod/a","rawQueryString":"x=1","requestContext":{"stage":"prod","http":{"method":"GET"}}}`:         "GET /a?x=1",
		`{"version":"2.0","rawPath":"/prod","rawQueryString":"","requestContext":{"stage":"prod","http":{"method":"GET"}}}`:              "GET /?",
		`{"version":"2.0","rawPath":"/production/a","rawQueryString":"","requestContext":{"stage":"prod","http":{"method":"GET"}}}`:      "GET /production/a?",
		`{"version":"2.0","rawPath":"/a ñ%","rawQueryString":"q=ñ +%zz","requestContext":{"stage":"$default","http":{"method":"POST"}}}`: "POST /a%20%C3%B1%25?q=%C3%B1%20+%25zz",
		// REST API.
		`{"httpMethod":"GET","path":"/a","queryStringParameters":{"x":"2"},"multiValueQueryStringParameters":{"x":["1","2"],"a":["b c&"]},"requestContext":{"stage":"prod"}}`: "GET /a?a=b%20c%26&x=1&x=2",
		`{"httpMethod":"GET","path":"/","queryStringParameters":null,"multiValueQueryStringParameters":null,"headers":null,"body":null,"requestContext":{}}`:                  "GET /?",
		// A load balancer does not decode the query.
		`{"httpMethod":"GET","path":"/a","queryStringParameters":{"x":"a%20b"},"requestContext":{"elb":{}}}`:                                             "GET /a?x=a%20b",
		`{"httpMethod":"GET","path":"/a","multiValueQueryStringParameters":{"x":["1","2"]},"multiValueHeaders":{"a":["b"]},"requestContext":{"elb":{}}}`: "GET /a?x=1&x=2",
		// VPC Lattice.
		`{"raw_path":"/a?x=1","method":"GET","headers":{"a":"b"},"query_string_parameters":{"x":"1"}}`:                                          "GET /a?x=1",
		`{"version":"2.0","path":"/a","method":"PUT","queryStringParameters":{"x":["1","2"]},"requestContext":{"serviceNetworkArn":"arn:aws"}}`: "PUT /a?x=1&x=2",
	} {
		e, err := httpevent.Parse([]byte(event))
		if err != nil {
			t.Errorf("%s: %v", event, err)
			continue
		}
		if got := e.Method + " " + e.Path + "?" + e.Query; got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", event, got, want)
		}
	}
}

func TestOtherEventsAreNotHTTP(t *testing.T) {
	for _, event := range []string{
		`{}`, `[]`, `null`, `1`, `"text"`, ``, `{`, `{"Records":[{"eventSource":"aws:sqs"}]}`, `{"version":"2.0"}`,
		`{"requestContext":{"routeKey":"$connect","eventType":"CONNECT","stage":"prod"},"headers":{"a":"b"},"isBase64Encoded":false}`,
		`{"method":"GET","path":"/a"}`, `{"httpMethod":"GET","path":"/"}`, `{"version":0,"id":"x"}`,
	} {
		if e, err := httpevent.Parse([]byte(event)); !errors.Is(err, httpevent.ErrNotHTTP) {
			t.Errorf("%s: got %+v, %v", event, e, err)
		}
	}
}

func TestInvalidRequests(t *testing.T) {
	for event, want := range map[string]string{
		`{"httpMethod":"GET /x HTTP/1.1\r\nA: b","path":"/","requestContext":{}}`:                   "HTTP method",
		`{"httpMethod":"GET","path":"/","isBase64Encoded":true,"body":"%%%","requestContext":{}}`:   "not base64",
		`{"httpMethod":"GET","path":"/","body":{"a":1},"requestContext":{"elb":{"targetGroup":1}}}`: "not a valid HTTP request",
	} {
		if _, err := httpevent.Parse([]byte(event)); err == nil || errors.Is(err, httpevent.ErrNotHTTP) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", event, err, want)
		}
	}
}

func TestHeaders(t *testing.T) {
	e, err := httpevent.Parse([]byte(`{"version":"2.0","rawPath":"/","cookies":["a=1","b=2","c=\n3"],"requestContext":{"http":{"method":"GET"},
		"note": "x\ny"},
		"headers":{"Host":"h","X-Bad":"a\r\nX-Injected: 1","bad name":"x","Connection":"close","Transfer-Encoding":"chunked",
		"Content-Length":"7","X-Number":1,"X-Object":{"a":"b"},"Expect":"100-continue","Accept":"*/*","X-Empty":""}}`))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range e.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	if got := strings.Join(names, " "); got != "Accept Cookie X-Empty" {
		t.Errorf("got the headers %s", got)
	}
	if e.Host != "h" || e.Header.Get("Cookie") != "a=1; b=2" {
		t.Errorf("got the host %q and the cookies %q", e.Host, e.Header.Get("Cookie"))
	}
	if context := string(e.Context); context != `{"http":{"method":"GET"},"note":"x\ny"}` {
		t.Errorf("got the context %s", context)
	}
}
