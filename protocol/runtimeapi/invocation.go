package runtimeapi

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// An Invocation is one event to be handled and answered, as /next returned it.
type Invocation struct {
	ID              string
	Deadline        time.Time // zero if it has none
	FunctionARN     string
	TraceID         string
	ClientContext   string // JSON text
	CognitoIdentity string // JSON text
	TenantID        string
	InvocationID    string // to be echoed; "" if Lambda sent none
	Event           []byte
}

// newInvocation returns the invocation that the headers of /next describe, without its event.
func newInvocation(h http.Header) (*Invocation, error) {
	inv := &Invocation{
		ID:              h.Get(HeaderRequestID),
		FunctionARN:     h.Get(HeaderFunctionARN),
		TraceID:         h.Get(HeaderTraceID),
		ClientContext:   h.Get(HeaderClientContext),
		CognitoIdentity: h.Get(HeaderCognitoIdentity),
		TenantID:        h.Get(HeaderTenantID),
		InvocationID:    h.Get(HeaderInvocationID),
	}
	if inv.ID == "" {
		return nil, fmt.Errorf("GET /invocation/next: no %s header", HeaderRequestID)
	}
	// The event was taken and must be answered, so an invalid deadline counts as none.
	if ms, err := strconv.ParseInt(h.Get(HeaderDeadlineMs), 10, 64); err == nil && ms > 0 {
		inv.Deadline = time.UnixMilli(ms)
	}
	return inv, nil
}
