package front

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"lambda-r-runtime/protocol/runtimeapi"
)

// maxPrelude is the maximum length of a prelude, in bytes. It bounds what Stream keeps.
const maxPrelude = 64 << 10

// A PreludeError means that a stream does not begin with the valid head of an HTTP response.
type PreludeError struct{ Reason string }

func (e *PreludeError) Error() string { return e.Reason }

// A Stream writes a streamed result to an HTTP caller while it comes. If the content type is
// runtimeapi.ContentTypeHTTP, the stream begins with a prelude: status, headers and cookies.
type Stream struct {
	w       http.ResponseWriter
	prelude bool   // whether the prelude is still incomplete
	pending []byte // the part of the prelude received so far
	started bool
	noBody  bool // the status forbids a body
}

// NewStream returns a Stream that writes to w.
func NewStream(w http.ResponseWriter, contentType string) *Stream {
	s := &Stream{w: w, prelude: contentType == runtimeapi.ContentTypeHTTP}
	if !s.prelude {
		w.Header().Set("Content-Type", cmp.Or(contentType, "application/octet-stream"))
	}
	return s
}

// Started reports whether the status and the headers have been written. After that, an
// error can be signalled only by closing the connection.
func (s *Stream) Started() bool { return s.started }

// Write passes the next chunk on at once. It returns a *PreludeError if the prelude is
// invalid. Any other error means that the caller has left.
func (s *Stream) Write(chunk []byte) error {
	if s.prelude {
		s.pending = append(s.pending, chunk...)
		before, after, complete := bytes.Cut(s.pending, []byte(runtimeapi.PreludeEnd))
		if len(before) > maxPrelude {
			return &PreludeError{fmt.Sprintf("its prelude has more than %d bytes", maxPrelude)}
		}
		if !complete {
			return nil
		}
		head, err := parsePrelude(before)
		if err != nil {
			return &PreludeError{err.Error()}
		}
		s.prelude, s.pending = false, nil
		s.start(head)
		chunk = after
	}
	if !s.started {
		s.start(&response{status: http.StatusOK})
	}
	if s.noBody {
		return nil
	}
	if _, err := s.w.Write(chunk); err != nil {
		return err
	}
	return http.NewResponseController(s.w).Flush()
}

// Close ends a stream that is complete. It returns the same errors as Write.
func (s *Stream) Close() error {
	if s.prelude {
		return &PreludeError{"it ends before its prelude does"}
	}
	return s.Write(nil) // starts an empty stream
}

// start writes the status and the headers.
func (s *Stream) start(r *response) {
	r.setHeader(s.w.Header())
	s.w.WriteHeader(r.status)
	s.started = true
	s.noBody = !r.hasBody()
}

// parsePrelude reads a prelude. All of its fields are optional.
func parsePrelude(text []byte) (*response, error) {
	fields := object(text)
	if fields == nil {
		return nil, errors.New("its prelude is not a JSON object")
	}
	delete(fields, "body") // it follows the prelude
	delete(fields, "isBase64Encoded")
	if isNull(fields["statusCode"]) {
		fields["statusCode"] = json.RawMessage("200")
	}
	return parseResponse(fields, "application/octet-stream")
}
