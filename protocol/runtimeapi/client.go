package runtimeapi

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A Client calls the Runtime API. It is safe for concurrent use.
type Client struct {
	base      string
	userAgent string
	http      *http.Client
}

// A StatusError is an answer of the Runtime API with another status than the one that its
// documentation gives for success.
type StatusError struct {
	Op     string // for example "POST /invocation/{id}/response"
	Status int
	Body   string // the beginning of the answer
}

func (e *StatusError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("%s: status %d %s", e.Op, e.Status, e.Body))
}

// Temporary reports whether the same call may succeed a little later: the API was busy, or
// something in front of it answered.
func (e *StatusError) Temporary() bool {
	switch e.Status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return e.Status >= 300 && e.Status < 400
}

// NewClient returns a client of the Runtime API at address, the host:port of
// AWS_LAMBDA_RUNTIME_API. Version is sent in the User-Agent; pollers is how many calls of
// Next may be in flight at once.
func NewClient(address, version string, pollers int) (*Client, error) {
	if !isHostPort(address) {
		return nil, fmt.Errorf("AWS_LAMBDA_RUNTIME_API is %q: want host:port", address)
	}
	return &Client{
		base:      "http://" + address,
		userAgent: "lambda-r-runtime/" + version,
		http: &http.Client{
			// No Timeout, because /next blocks until there is an event. No proxy and no
			// compression, because the API is on this machine.
			Transport: &http.Transport{
				Proxy:               nil,
				DisableCompression:  true,
				DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
				MaxIdleConns:        0,
				MaxIdleConnsPerHost: 2 * pollers,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// isHostPort reports whether address is a host and a port, without any other part of a URL.
func isHostPort(address string) bool {
	u, err := url.Parse("http://" + address)
	if err != nil || u.Host != address || u.Hostname() == "" {
		return false
	}
	_, err = strconv.ParseUint(u.Port(), 10, 16)
	return err == nil
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Next waits for an invocation and returns it. Cancelling ctx while an event is in flight
// loses that event, so cancel only to shut down. The error is a *StatusError if the API
// answered with another status, an *EventError if an invocation was taken without its event,
// and another one if the API could not be reached.
func (c *Client) Next(ctx context.Context) (*Invocation, error) {
	const op = "GET /invocation/next"
	resp, err := c.call(ctx, op, http.MethodGet, PathNext, http.Header{}, nil, http.StatusOK)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	inv, err := newInvocation(resp.Header)
	if err != nil {
		return nil, err
	}
	if err := readEvent(resp, inv); err != nil {
		return nil, err
	}
	return inv, nil
}

// Respond reports that inv succeeded with payload, a JSON text.
func (c *Client) Respond(ctx context.Context, inv *Invocation, payload []byte) error {
	h := http.Header{"Content-Type": {contentTypeJSON}}
	return c.report(ctx, inv, "response", h, payload)
}

// InvocationError reports that inv failed.
func (c *Client) InvocationError(ctx context.Context, inv *Invocation, r *ErrorReport) error {
	h := errorHeader(r)
	h.Set(HeaderXRayCause, r.XRayCause())
	return c.report(ctx, inv, "error", h, r.Body())
}

// InitError reports that the init failed. The runtime must exit afterwards.
func (c *Client) InitError(ctx context.Context, r *ErrorReport) error {
	return c.post(ctx, "POST /init/error", PathInitError, errorHeader(r), r.Body())
}

func errorHeader(r *ErrorReport) http.Header {
	return http.Header{
		"Content-Type":  {contentTypeError},
		HeaderErrorType: {r.HeaderType()},
	}
}

func (c *Client) report(ctx context.Context, inv *Invocation, verb string, h http.Header, body []byte) error {
	if inv.InvocationID != "" {
		h.Set(HeaderInvocationID, inv.InvocationID)
	}
	return c.post(ctx, "POST /invocation/{id}/"+verb, reportPath(inv, verb), h, body)
}

func reportPath(inv *Invocation, verb string) string {
	return PathInvocation + url.PathEscape(inv.ID) + "/" + verb
}

func (c *Client) post(ctx context.Context, op, path string, h http.Header, body []byte) error {
	// A bytes.Reader gives the request a known Content-Length.
	resp, err := c.call(ctx, op, http.MethodPost, path, h, bytes.NewReader(body), http.StatusAccepted)
	if err != nil {
		return err
	}
	return drain(op, resp)
}

// call sends a request, and returns the response if that has the status for success. The
// caller must close its body.
func (c *Client) call(
	ctx context.Context, op, method, path string, h http.Header, body io.Reader, success int,
) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	req.Header = h
	req.Header.Set("User-Agent", c.userAgent)
	return c.do(op, req, success)
}

func (c *Client) do(op string, req *http.Request, success int) (*http.Response, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	if resp.StatusCode != success {
		defer resp.Body.Close()
		return nil, newStatusError(op, resp)
	}
	return resp, nil
}

// drain reads the body to its end and closes it, so that the connection is reused.
func drain(op string, resp *http.Response) error {
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return fmt.Errorf("%s: read the answer: %w", op, err)
	}
	return nil
}

// maxExplanation is how long the body of another status than success may take.
const maxExplanation = time.Second

func newStatusError(op string, resp *http.Response) *StatusError {
	timer := time.AfterFunc(maxExplanation, func() {
		_ = resp.Body.Close() // ends the Read that waits
	})
	defer timer.Stop()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10)) // the body only explains the status
	io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	return &StatusError{Op: op, Status: resp.StatusCode, Body: strings.TrimSpace(string(body))}
}
