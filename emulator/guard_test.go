package emulator_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"lambda-r-runtime/emulator"
)

// guarded sends a request to a Guard and reports whether it was passed on.
func guarded(t *testing.T, addr, host string, header map[string]string) (passed bool) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Host = host
	for name, value := range header {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	emulator.Guard(addr, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { passed = true })).ServeHTTP(w, r)
	if !passed {
		checkException(t, result{w.Code, w.Header(), w.Body.String()}, http.StatusForbidden, "AccessDeniedException")
	}
	return passed
}

func TestGuardChecksTheHost(t *testing.T) {
	const loopback, any, named = "127.0.0.1:9000", "0.0.0.0:8080", "dev.example:9000"
	for _, row := range []struct {
		addr    string
		allowed []string
		refused []string
	}{
		{loopback,
			[]string{"", "localhost:9000", "localhost", "LOCALHOST.:9000", "api.localhost:9000", "127.0.0.1:9000", "[::1]:9000", "[::1]", "192.0.2.1:9000"},
			[]string{":9000", "::.", "::1", "[::.]", "[::1].", "[::1%lo]", "localhost:x", "a@localhost", "localhost/", "localhost#", "%6cocalhost", "evil.example:9000", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "notlocalhost", "function:8080", "host.docker.internal:9000"}},
		{any,
			[]string{"localhost:9000", "function:8080", "function", "host.docker.internal:9000", "lambda.svc.cluster.local", "172.17.0.2:8080"},
			[]string{":8080", "evil.example:8080", "function.evil.example", "internal.evil.example", "evil.local.example"}},
		{named, []string{"dev.example:9000", "dev.example", "DEV.example:1234", "localhost:9000"}, []string{"evil.example:9000", "x.dev.example", "function"}},
		{"[::1%lo]:9000", []string{"localhost:9000", "[::1]:9000"}, []string{"evil.example", "function", "[::1%lo]:9000"}},
		{":8080", []string{"function:8080"}, []string{"evil.example"}},
		{"[::]:8080", []string{"function:8080"}, []string{"evil.example"}},
	} {
		for _, host := range row.allowed {
			if !guarded(t, row.addr, host, nil) {
				t.Errorf("%s: Host %q was refused", row.addr, host)
			}
		}
		for _, host := range row.refused {
			if guarded(t, row.addr, host, nil) {
				t.Errorf("%s: Host %q was passed on", row.addr, host)
			}
		}
	}
}

func TestGuardChecksTheOrigin(t *testing.T) {
	for _, row := range []struct {
		origin, site string
		passed       bool
	}{
		{"", "", true}, // curl, the SDKs
		{"", "none", true},
		{"", "same-origin", true},
		{"", "same-site", true},
		{"", "cross-site", false}, // <img src="http://localhost:9000/">
		{"http://localhost:9000", "same-origin", true},
		{"http://localhost:3000", "same-site", true}, // the developer's own front end
		{"http://127.0.0.1:3000", "cross-site", true},
		{"http://[::1]:3000", "cross-site", true},
		{"https://app.localhost", "cross-site", true},
		{"https://evil.example", "cross-site", false},
		{"https://evil.example", "", false}, // old browsers
		{"http://localhost.evil.example", "cross-site", false},
		{"http://192.0.2.1", "cross-site", false}, // a page may come from an IP address
		{"null", "cross-site", false},             // a sandboxed page
		{"null", "", false},
		{"localhost", "", false},
		{"://", "", false},
	} {
		header := map[string]string{"Origin": row.origin, "Sec-Fetch-Site": row.site}
		if got := guarded(t, "127.0.0.1:9000", "localhost:9000", header); got != row.passed {
			t.Errorf("%+v: passed on: %v", row, got)
		}
	}
	if !guarded(t, "0.0.0.0:9000", "192.0.2.1:9000", map[string]string{"Origin": "http://192.0.2.1:3000"}) {
		t.Error("a page on the host of the request was refused")
	}
	if !guarded(t, "dev.example:9000", "localhost:9000", map[string]string{"Origin": "http://dev.example"}) {
		t.Error("a page on the host of the listen address was refused")
	}
}
