package console

import (
	"strings"
	"testing"

	"lambda-r-runtime/emulator"
)

func TestRequests(t *testing.T) {
	long := `{"version":"2.0","rawPath":"/` + strings.Repeat("é", 500) + `","requestContext":{"http":{"method":"GET"}}}`
	for event, want := range map[string]string{
		`{"version":"2.0","rawPath":"/a","requestContext":{"http":{"method":"POST"}}}`: "POST /a",
		`{"httpMethod":"GET","path":"/b","requestContext":{"elb":{}}}`:                 "GET /b",
		`{"number": 5}`: "", ``: "", `[`: "",
	} {
		if got := requestOf([]byte(event)); got != want {
			t.Errorf("%s: got %q", event, got)
		}
	}
	if got := requestOf([]byte(long)); len(got) != maxRequest {
		t.Errorf("got %d bytes", len(got))
	}
	for result, want := range map[string]int{
		`{"statusCode":200,"body":""}`: 200, `{"statusCode": 404}` + "\x00\x00": 404, `{"statusCode":"x"}`: 0, `{"a":1}`: 0, ``: 0,
	} {
		if got := statusOf([]byte(result)); got != want {
			t.Errorf("%s: got %d", result, got)
		}
	}
}

func TestInvocationHasItsRequest(t *testing.T) {
	c := newConsole(t)
	invoke(c, "id-1", []byte(`{"version":"2.0","rawPath":"/a","requestContext":{"http":{"method":"GET"}}}`), []byte(`{"statusCode":404,"body":""}`), 0)
	if inv := c.invocations["id-1"]; inv.Request != "GET /a" || inv.Status != 404 {
		t.Errorf("got %q with status %d", inv.Request, inv.Status)
	}
	c.Called(emulator.Call{ID: "id-1", Event: []byte(`{}`)}) // a new attempt
	if inv := c.invocations["id-1"]; inv.Request != "" || inv.Status != 0 {
		t.Errorf("got %q with status %d", inv.Request, inv.Status)
	}
}
