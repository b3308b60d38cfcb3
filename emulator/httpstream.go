package emulator

import (
	"errors"
	"net/http"

	"lambda-r-runtime/emulator/front"
)

// relayHTTP writes a stream to the caller while it comes. An error before the headers are
// sent becomes an HTTP error. After that the connection is closed, so that the caller cannot
// take a part for the whole.
func (e *Emulator) relayHTTP(w http.ResponseWriter, r *http.Request, inv *invocation, a answer) {
	s := front.NewStream(w, a.contentType)
	end, err := relay(r, a.stream, s.Write)
	if err == nil && !end.functionError {
		err = s.Close()
	}
	prelude, invalid := errors.AsType[*front.PreludeError](err)
	switch {
	case err != nil && !invalid: // the caller has left
	case err == nil && !end.functionError: // complete
	case s.Started():
		panic(http.ErrAbortHandler) // net/http closes the connection and logs nothing
	case invalid:
		e.refuseResult(w, inv, prelude)
	default:
		e.config.HTTP.Refuse(w, http.StatusBadGateway)
	}
}
