package runtimeapi

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Register registers this runtime as an internal extension that wants no events, and
// returns its identifier. Lambda sends SIGTERM before it ends an environment only if
// there is an extension (AWS documentation, "Lambda execution environment lifecycle").
// It must be called before the first Next.
func (c *Client) Register(ctx context.Context, name string) (id string, err error) {
	const op = "POST /extension/register"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+PathRegister, strings.NewReader(`{"events":[]}`))
	if err != nil {
		return "", err
	}
	req.Header.Set("User-Agent", c.userAgent)
	req.Header.Set("Content-Type", contentTypeJSON)
	req.Header.Set(HeaderExtensionName, name)
	resp, err := c.http.Do(req)
	if err != nil {
		return "", fmt.Errorf("%s: %w", op, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", newStatusError(op, resp)
	}
	_, _ = io.Copy(io.Discard, resp.Body) // what it says is of no use; drained, so that the connection is
	return resp.Header.Get(HeaderExtensionID), nil
}

// WaitAsExtension asks for the extension's next event, which tells Lambda that it is
// ready, and waits: none comes. It returns when ctx ends, or when the call fails.
func (c *Client) WaitAsExtension(ctx context.Context, id string) error {
	const op = "GET /extension/event/next"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+PathExtensionNext, nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", c.userAgent)
	req.Header.Set(HeaderExtensionID, id)
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return newStatusError(op, resp)
	}
	_, _ = io.Copy(io.Discard, resp.Body) // an event that was not asked for
	return nil
}
