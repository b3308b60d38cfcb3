package emulator

import (
	"encoding/json"
	"net/http"

	"github.com/google/uuid"

	"lambda-r-runtime/protocol/runtimeapi"
)

// handleRegister registers an extension, which is possible during the init only, and with
// SnapStart before the snapshot. In Lambda a
// registered extension makes the runtime get SIGTERM before it ends.
func (e *Emulator) handleRegister(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get(runtimeapi.HeaderExtensionName) == "" {
		writeError(w, http.StatusForbidden, runtimeapi.ErrorInvalidExtensionName,
			"the "+runtimeapi.HeaderExtensionName+" header is missing")
		return
	}
	e.mu.Lock()
	over := e.environmentOf(r).phase != initializing
	e.mu.Unlock()
	if over {
		writeError(w, http.StatusForbidden, runtimeapi.ErrorInvalidStateTransition, "the init is over")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set(runtimeapi.HeaderExtensionID, uuid.NewString())
	w.WriteHeader(http.StatusOK)
	_ = json.NewEncoder(w).Encode(map[string]string{ // an extension that has left needs no answer
		"functionName": defaultFunction, "functionVersion": e.version(),
	})
}

// handleExtensionNext blocks until the extension leaves: the emulator sends no events.
func (e *Emulator) handleExtensionNext(_ http.ResponseWriter, r *http.Request) {
	<-r.Context().Done()
}
