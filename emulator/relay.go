package emulator

import (
	"context"
	"errors"
	"io"
	"net/http"

	"lambda-r-runtime/emulator/front"
)

// relay passes a stream to write while it comes, until the caller of r leaves. It returns the
// final answer of the stream, errCallerLeft, or a *front.PreludeError of write.
func relay(r *http.Request, s *stream, write func([]byte) error) (answer, error) {
	unwatch := context.AfterFunc(r.Context(), func() { s.leave(errCallerLeft) })
	defer unwatch()
	buf := make([]byte, 32<<10)
	for {
		n, err := s.r.Read(buf)
		if n > 0 {
			if err := write(buf[:n]); err != nil {
				why := errCallerLeft // the connection broke before r's context ended
				if _, invalid := errors.AsType[*front.PreludeError](err); invalid {
					why = err
				}
				s.leave(why)
				return answer{}, why
			}
		}
		switch err {
		case nil:
		case io.EOF:
			return s.end, nil
		default: // leave has closed the pipe
			return answer{}, errCallerLeft
		}
	}
}

// collect turns a streamed answer into one in one piece, as Lambda does for callers that do
// not support streams. It returns false if the caller leaves. The limit of the stream bounds
// its memory.
func collect(r *http.Request, a answer) (answer, bool) {
	if a.stream == nil {
		return a, true
	}
	var body []byte
	end, err := relay(r, a.stream, func(chunk []byte) error {
		body = append(body, chunk...)
		return nil
	})
	if !end.functionError {
		end.body = body
	}
	end.contentType = a.contentType
	return end, err == nil
}
