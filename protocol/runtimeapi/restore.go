package runtimeapi

import (
	"context"
	"net/http"
)

// RestoreNext reports that the init is over, and waits until the environment was restored from its
// snapshot. The snapshot is taken while the call waits, so it has no time limit. It must come
// before the first Next, and be answered once. The error is a *StatusError if the API answered with
// another status, and another one if its answer did not arrive.
//
// Afterwards no connection from before the snapshot is used again.
func (c *Client) RestoreNext(ctx context.Context) error {
	const op = "GET /restore/next"
	resp, err := c.call(ctx, op, http.MethodGet, PathRestoreNext, http.Header{}, nil, http.StatusOK)
	if err != nil {
		return err
	}
	_ = drain(op, resp)           // the answer has no body
	c.http.CloseIdleConnections() // with that of this call, which is idle now
	return nil
}

// RestoreError reports that the environment cannot serve after its restore. The runtime must exit
// afterwards.
func (c *Client) RestoreError(ctx context.Context, r *ErrorReport) error {
	return c.post(ctx, "POST /restore/error", PathRestoreError, errorHeader(r), r.Body())
}
