package emulator

import (
	"context"
	"io"
	"net/http"
)

// relay writes a stream to the caller r as it comes. It returns what the stream came
// to, or why it was not read to its end: errCallerGone, or what write says.
func relay(r *http.Request, s *stream, write func([]byte) error) (answer, error) {
	unwatch := context.AfterFunc(r.Context(), func() { s.leave(errCallerGone) })
	defer unwatch()
	buf := make([]byte, 32<<10)
	for {
		n, err := s.r.Read(buf)
		if n > 0 {
			if err := write(buf[:n]); err != nil {
				s.leave(err)
				return answer{}, err
			}
		}
		switch err {
		case nil:
		case io.EOF:
			return s.end, nil
		default: // the end was closed by leave
			return answer{}, errCallerGone
		}
	}
}

// collect makes one answer of a stream, as Lambda does for callers that take none. It
// returns false when the caller has gone. The stream's limit bounds what is kept.
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

// send writes a chunk to the caller at once.
func send(w http.ResponseWriter, chunk []byte) error {
	if _, err := w.Write(chunk); err != nil {
		return errCallerGone
	}
	if err := http.NewResponseController(w).Flush(); err != nil {
		return errCallerGone
	}
	return nil
}
