package emulator_test

import (
	"net/http"
	"testing"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/protocol/runtimeapi"
)

// An extension can register during the init, and must have a name.
func TestRegister(t *testing.T) {
	e := emulator.New(emulator.Config{})
	register := func(name string, status int) {
		t.Helper()
		w := call(t.Context(), e, http.MethodPost, runtimeapi.PathRegister, map[string]string{runtimeapi.HeaderExtensionName: name}, `{"events":[]}`)
		if w.Code != status || (w.Header().Get(runtimeapi.HeaderExtensionID) != "") != (status == http.StatusOK) {
			t.Errorf("%q: got status %d %v, want %d", name, w.Code, w.Header(), status)
		}
	}
	register("", http.StatusForbidden)
	register("one", http.StatusOK)
	register("two", http.StatusOK)
	event(t, e, "1")
	poll(t, e)
	register("late", http.StatusForbidden)
}
