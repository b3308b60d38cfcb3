package credentials

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
)

// An Error reports why the endpoint gave no credentials. It contains no key, nor the token, nor
// any part of the answer.
type Error struct {
	Endpoint string // scheme and host
	Status   int    // of the answer; 0 if there was none
	Reason   string // what happened, and what to do
	Err      error  // may be nil
}

func (e *Error) Error() string {
	text := fmt.Sprintf("credentials endpoint %s: %s", e.Endpoint, e.Reason)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// Temporary reports whether the same request may succeed a little later.
func (e *Error) Temporary() bool {
	_, forbidden := errors.AsType[*addressError](e.Err)
	return e.Status == 0 && !forbidden || e.Status == http.StatusTooManyRequests || e.Status >= 500
}

// statusError returns the error of an answer with a status other than 200.
func (e *Endpoint) statusError(status int) *Error {
	reason := fmt.Sprintf("status %d", status)
	switch {
	case status >= 300 && status < 400:
		reason += ": redirects are not followed; check AWS_CONTAINER_CREDENTIALS_FULL_URI"
	case status >= 400 && status < 500: // Lambda's answer to a wrong token is 404
		reason += ": check AWS_CONTAINER_AUTHORIZATION_TOKEN and the path of AWS_CONTAINER_CREDENTIALS_FULL_URI"
	}
	return &Error{Endpoint: e.name(), Status: status, Reason: reason}
}

// answerError returns the error of an answer that has no usable credentials.
func (e *Endpoint) answerError(reason string) *Error {
	return &Error{Endpoint: e.name(), Status: http.StatusOK, Reason: reason}
}

// transportError returns the error of a request without an answer. Errors of net/http are not
// wrapped unless they are known to be safe: some quote the answer, and all have the whole URL.
func (e *Endpoint) transportError(err error) *Error {
	result := &Error{Endpoint: e.name(), Reason: "no valid HTTP answer"}
	address, forbidden := errors.AsType[*addressError](err)
	network, failed := errors.AsType[*net.OpError](err)
	certificate, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		result.Reason, result.Err = "no answer in time", context.DeadlineExceeded
	case errors.Is(err, context.Canceled):
		result.Reason, result.Err = "stopped", context.Canceled
	case forbidden:
		result.Reason, result.Err = "token not sent", address
	case failed:
		result.Reason, result.Err = "not reached, check AWS_CONTAINER_CREDENTIALS_FULL_URI", network
	case untrusted:
		result.Reason, result.Err = "not trusted", certificate
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		result.Reason = "the connection broke"
	}
	return result
}

// An addressError reports an address to which the token must not be sent.
type addressError struct{ address string }

func (e *addressError) Error() string {
	return fmt.Sprintf("%s is not on this machine: use https, or an address of the loopback interface, ECS or EKS", e.address)
}
