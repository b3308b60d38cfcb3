package emulator_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/emulator/front"
	"lambda-r-runtime/protocol/runtimeapi"
)

// A caller cannot use the Runtime API, nor a runtime the Invoke API.
func TestSeparateAPIs(t *testing.T) {
	e := emulator.New(emulator.Config{SnapStart: &emulator.SnapStart{}})
	for _, row := range []struct {
		api          http.Handler
		method, path string
	}{
		{e.InvokeAPI(), http.MethodGet, runtimeapi.PathNext},
		{e.InvokeAPI(), http.MethodPost, runtimeapi.PathInvocation + "id/response"},
		{e.InvokeAPI(), http.MethodPost, runtimeapi.PathInvocation + "id/error"},
		{e.InvokeAPI(), http.MethodPost, runtimeapi.PathInitError},
		{e.InvokeAPI(), http.MethodPost, runtimeapi.PathRegister},
		{e.InvokeAPI(), http.MethodGet, runtimeapi.PathExtensionNext},
		{e.InvokeAPI(), http.MethodGet, runtimeapi.PathRestoreNext},
		{e.InvokeAPI(), http.MethodPost, runtimeapi.PathRestoreError},
		{e.InvokeAPI(), http.MethodGet, emulator.PathCredentials},
		{e.RuntimeAPI(), http.MethodPost, invocations},
		{e.RuntimeAPI(), http.MethodPost, streamingInvocations},
	} {
		w := httptest.NewRecorder()
		row.api.ServeHTTP(w, httptest.NewRequest(row.method, row.path, strings.NewReader("{}")))
		checkException(t, result{w.Code, w.Header(), w.Body.String()}, http.StatusNotFound, "ResourceNotFoundException")
	}
}

// With Config.HTTP, a path of the Runtime API is a path of the function for callers.
func TestSeparateAPIsWithHTTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := emulator.New(emulator.Config{HTTP: front.FunctionURL})
		event(t, e, `"of another caller"`)
		ctx, leave := context.WithCancel(t.Context())
		w := httptest.NewRecorder()
		called := make(chan struct{})
		go func() { // waited for below
			e.InvokeAPI().ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, runtimeapi.PathNext, nil))
			close(called)
		}()
		synctest.Wait()
		if w.Body.Len() > 0 {
			t.Errorf("the caller got %s", w.Body)
		}
		poll(t, e)
		if _, got := poll(t, e); !strings.Contains(got.Body.String(), `"rawPath":"`+runtimeapi.PathNext+`"`) {
			t.Errorf("the event is %s", got.Body)
		}
		leave()
		<-called
	})
}
