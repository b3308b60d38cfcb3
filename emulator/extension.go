package emulator

import (
	"encoding/json"
	"net/http"

	"github.com/google/uuid"

	"lambda-r-runtime/protocol/runtimeapi"
)

// register registers an extension, as long as the init is not over. That is all that
// Lambda needs to send SIGTERM before it ends the runtime.
func (e *Emulator) register(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get(runtimeapi.HeaderExtensionName) == "" {
		refuse(w, http.StatusForbidden, "Extension.InvalidExtensionName", "no "+runtimeapi.HeaderExtensionName+" header")
		return
	}
	e.mu.Lock()
	over := e.polled || e.initError != nil
	e.mu.Unlock()
	if over {
		refuse(w, http.StatusForbidden, "Extension.InvalidStateTransition", "the init is over")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set(runtimeapi.HeaderExtensionID, uuid.NewString())
	w.WriteHeader(http.StatusOK)
	_ = json.NewEncoder(w).Encode(map[string]string{ // an extension that has gone reads nothing
		"functionName": e.config.Function, "functionVersion": "$LATEST",
	})
}

// extensionNext is where a registered extension waits for events. One that asked for
// none waits for ever.
func (e *Emulator) extensionNext(_ http.ResponseWriter, r *http.Request) {
	<-r.Context().Done()
}
