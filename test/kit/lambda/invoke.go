package lambda

import (
	"context"
	"io"
	"net/http"
	"strings"
)

// InvokePath is where the Invoke API has the function.
const InvokePath = "/2015-03-31/functions/function/invocations"

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
