package runtimeapi

import (
	"context"
	"net/http"
	"strings"
)

// Register registers this runtime as an internal extension that subscribes to no events, and
// returns its identifier. Lambda sends SIGTERM before it ends an environment only if there is
// an extension (AWS documentation, "Lambda execution environment lifecycle"). It must be called
// before the first Next.
func (c *Client) Register(ctx context.Context, name string) (id string, err error) {
	const op = "POST /extension/register"
	h := http.Header{"Content-Type": {contentTypeJSON}, HeaderExtensionName: {name}}
	resp, err := c.call(ctx, op, http.MethodPost, PathRegister, h, strings.NewReader(`{"events":[]}`), http.StatusOK)
	if err != nil {
		return "", err
	}
	_ = drain(op, resp) // the identifier is in the header
	return resp.Header.Get(HeaderExtensionID), nil
}

// WaitAsExtension asks for the extension's next event. That call reports to Lambda that the extension is
// ready, and waits, because no event follows. It returns when ctx ends or the call fails.
func (c *Client) WaitAsExtension(ctx context.Context, id string) error {
	const op = "GET /extension/event/next"
	h := http.Header{HeaderExtensionID: {id}}
	resp, err := c.call(ctx, op, http.MethodGet, PathExtensionNext, h, nil, http.StatusOK)
	if err != nil {
		return err
	}
	_ = drain(op, resp) // an unsolicited event
	return nil
}
