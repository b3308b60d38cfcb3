// Package lambda runs bootstrap as AWS Lambda does, for tests: it builds the program, starts it
// with a Runtime API, records the calls of that, and invokes the function.
package lambda

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// InvokePath is the path of the Invoke API.
const InvokePath = "/2015-03-31/functions/function/invocations"

// Serve serves a Runtime API, usually an emulator, until the test ends, and returns its URL.
func Serve(t testing.TB, api http.Handler) (url string) {
	server := httptest.NewServer(api)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

// Env returns more, and the environment in which Lambda, at a URL, starts bootstrap.
func Env(url, handler string, more ...string) []string {
	return append(more, "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(url, "http://"), "_HANDLER="+handler)
}

// An Answer is an HTTP response with its body.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Request makes an HTTP request, with headers in pairs of name and value, and returns its answer.
// It follows no redirect.
func Request(ctx context.Context, method, url, body string, header ...string) (Answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return Answer{}, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return Answer{resp.StatusCode, resp.Header, string(text)}, err
}
