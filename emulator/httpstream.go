package emulator

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"lambda-r-runtime/protocol/runtimeapi"
)

// maxPrelude is how long a prelude may be, in bytes.
const maxPrelude = 64 << 10

// An httpStream makes an HTTP response of a stream.
type httpStream struct {
	w       http.ResponseWriter
	prelude bool   // it is not complete yet
	pending []byte // what there is of it
	started bool   // the status and the headers are written
	noBody  bool   // of the status
}

// A preludeError says why a stream is no HTTP response.
type preludeError struct{ text string }

func (e *preludeError) Error() string { return e.text }

// relayHTTP writes a stream to the caller as it comes. What fails before the headers are
// sent becomes a refusal, as with results that are no stream; after that the connection
// is cut, so that nobody takes a part for the whole.
func (e *Emulator) relayHTTP(w http.ResponseWriter, r *http.Request, inv *invocation, a answer) {
	h := &httpStream{w: w, prelude: a.contentType == runtimeapi.ContentTypeHTTP}
	if !h.prelude {
		w.Header().Set("Content-Type", cmp.Or(a.contentType, "application/octet-stream"))
	}
	end, err := relay(r, a.stream, h.write)
	if err == nil && !end.functionError {
		err = h.close()
	}
	switch {
	case errors.Is(err, errCallerGone), err == nil && !end.functionError:
	case h.started:
		panic(http.ErrAbortHandler) // net/http closes the connection and says nothing
	default:
		if err != nil {
			e.logNote(inv, "The result is no HTTP response: "+err.Error())
		}
		e.front.refuse(w, http.StatusBadGateway, "Internal Server Error")
	}
}

func (h *httpStream) write(chunk []byte) error {
	if h.prelude {
		h.pending = append(h.pending, chunk...)
		before, after, complete := bytes.Cut(h.pending, []byte(runtimeapi.PreludeEnd))
		if len(before) > maxPrelude {
			return &preludeError{fmt.Sprintf("its prelude has more than %d bytes", maxPrelude)}
		}
		if !complete {
			return nil
		}
		response, err := parsePrelude(before)
		if err != nil {
			return &preludeError{err.Error()}
		}
		h.prelude, h.pending = false, nil
		h.start(response)
		chunk = after
	}
	if !h.started {
		h.start(&httpResponse{status: http.StatusOK})
	}
	if h.noBody {
		return nil
	}
	return send(h.w, chunk)
}

// close ends a stream that has come to a good end.
func (h *httpStream) close() error {
	if h.prelude {
		return &preludeError{"it ends before its prelude does"}
	}
	return h.write(nil) // which starts one that was empty
}

// start writes the status and the headers.
func (h *httpStream) start(r *httpResponse) {
	r.setHeader(h.w.Header())
	h.w.WriteHeader(r.status)
	h.started = true
	h.noBody = !r.hasBody()
}

// parsePrelude reads a prelude, in which nothing is required.
func parsePrelude(text []byte) (*httpResponse, error) {
	fields := object(text)
	if fields == nil {
		return nil, errors.New("its prelude is no JSON object")
	}
	delete(fields, "body") // it comes after the prelude
	delete(fields, "isBase64Encoded")
	if isNull(fields["statusCode"]) {
		fields["statusCode"] = json.RawMessage("200")
	}
	return parseResponse(fields, "application/octet-stream")
}
