package emulator_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/emulator/front"
	"lambda-r-runtime/protocol/runtimeapi"
)

const page = "https://app.example:8443"

// The headers of the setting replace those of the function, whatever its answer is.
func TestCORSReplacesTheHeadersOfTheFunction(t *testing.T) {
	answers := map[string]string{
		"buffered": `{"statusCode":201,"headers":{"access-control-allow-origin":"https://own.example","Access-Control-Allow-Credentials":"true","Vary":"Accept"},"body":"b"}`,
		"plain":    `"text"`,
		"refused":  `{"statusCode":"none"}`,
	}
	for name, result := range answers {
		for _, row := range []struct {
			setting emulator.CORS
			origin  string
			want    []string
		}{
			{emulator.CORS{"https://other.example", page}, page, []string{page}},
			{emulator.CORS{page}, "HTTPS://APP.example:8443", []string{"HTTPS://APP.example:8443"}},
			{emulator.CORS{page}, "https://evil.example", nil},
			{emulator.CORS{page}, "https://app.example", nil},
			{emulator.CORS{page}, "", nil},
			{emulator.CORS{"*"}, "https://any.example", []string{"*"}},
			{emulator.CORS{"*"}, "", []string{"*"}},
		} {
			l := listen(t, emulator.Config{HTTP: front.FunctionURL, CORS: row.setting})
			l.startRuntime(t, 1, func(*runtimeapi.Invocation) ([]byte, *runtimeapi.ErrorReport) { return []byte(result), nil })
			got := l.post(t, "/", map[string]string{"Origin": row.origin}, strings.NewReader("x")).header
			if !slices.Equal(got["Access-Control-Allow-Origin"], row.want) || got["Access-Control-Allow-Credentials"] != nil {
				t.Errorf("%s, %v, from %q: got %v", name, row.setting, row.origin, got)
			}
			if varies := slices.Contains(got["Vary"], "Origin"); varies == (row.setting[0] == "*") {
				t.Errorf("%s, %v: Vary is %v", name, row.setting, got["Vary"])
			}
		}
	}
}

func TestCORSOfAStream(t *testing.T) {
	l := listen(t, emulator.Config{HTTP: front.FunctionURL, CORS: emulator.CORS{"*"}})
	d, u := l.streamed(t, http.MethodGet, withPrelude, `{"headers":{"Access-Control-Allow-Origin":"https://own.example"}}`+eightZeros)
	if got := d.resp.Header["Access-Control-Allow-Origin"]; !slices.Equal(got, []string{"*"}) {
		t.Errorf("got %q", got)
	}
	u.write("now")
	d.expect("now")
	u.close()
	d.expectEnd(nil)
}

// No runtime is there to answer: the emulator does it.
func TestCORSPreflight(t *testing.T) {
	e := emulator.New(emulator.Config{HTTP: front.FunctionURL, CORS: emulator.CORS{page}})
	for origin, allowed := range map[string]bool{page: true, "https://evil.example": false, "null": false} {
		w := call(t.Context(), e, http.MethodOptions, "/any/path", map[string]string{
			"Origin": origin, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-a",
		}, "")
		h := w.Header()
		if w.Code != http.StatusOK || w.Body.Len() > 0 {
			t.Errorf("%s: status %d %s", origin, w.Code, w.Body)
		}
		for _, name := range []string{"Access-Control-Allow-Origin", "Access-Control-Allow-Methods", "Access-Control-Allow-Headers"} {
			if got := h.Get(name); (got != "") != allowed {
				t.Errorf("%s: %s is %q", origin, name, got)
			}
		}
	}
}

// An OPTIONS request that is not a preflight, and any OPTIONS request without the setting, reach
// the function.
func TestOptionsReachTheFunction(t *testing.T) {
	preflight := map[string]string{"Origin": "http://localhost:1", "Access-Control-Request-Method": "PUT"}
	for _, row := range []struct {
		setting emulator.CORS
		header  map[string]string
	}{
		{emulator.CORS{"*"}, nil},
		{emulator.CORS{"*"}, map[string]string{"Origin": "http://localhost:1"}},
		{emulator.CORS{"*"}, map[string]string{"Access-Control-Request-Method": "PUT"}},
		{nil, preflight},
	} {
		l := listen(t, emulator.Config{HTTP: front.FunctionURL, CORS: row.setting})
		l.startRuntime(t, 1, func(*runtimeapi.Invocation) ([]byte, *runtimeapi.ErrorReport) {
			return []byte(`{"statusCode":418,"headers":{"Access-Control-Allow-Methods":"GET"}}`), nil
		})
		r, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, l.server.URL+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range row.header {
			r.Header.Set(name, value)
		}
		resp, err := l.server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if own := resp.Header.Get("Access-Control-Allow-Methods") == "GET"; resp.StatusCode != 418 || own != (row.setting == nil) {
			t.Errorf("%v: got %d %v", row, resp.StatusCode, resp.Header)
		}
	}
}

// The pages of the setting reach the function, but neither the Invoke API nor another host's name.
func TestCallersFromOtherSites(t *testing.T) {
	for _, row := range []struct {
		http             front.Format
		setting          emulator.CORS
		host, path, from string
		passed           bool
	}{
		{front.FunctionURL, emulator.CORS{page}, "localhost:9000", "/", page, true},
		{front.FunctionURL, emulator.CORS{page}, "localhost:9000", "/", "https://evil.example", false},
		{front.FunctionURL, emulator.CORS{page}, "evil.example", "/", page, false},
		{front.FunctionURL, emulator.CORS{page}, "localhost:9000", invocations, page, false},
		{front.FunctionURL, emulator.CORS{"*"}, "localhost:9000", invocations, page, false},
		{front.FunctionURL, emulator.CORS{"*"}, "localhost:9000", "/", "null", true},
		{front.FunctionURL, nil, "localhost:9000", "/", page, false},
		{"", emulator.CORS{page}, "localhost:9000", "/", page, false},
	} {
		e := emulator.New(emulator.Config{HTTP: row.http, CORS: row.setting, Limit: -1}) // it refuses with 429
		r := httptest.NewRequest(http.MethodPost, row.path, strings.NewReader("1"))
		r.Host = row.host
		r.Header.Set("Origin", row.from)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		w := httptest.NewRecorder()
		e.Guard("127.0.0.1:9000", e.InvokeAPI()).ServeHTTP(w, r)
		if passed := w.Code != http.StatusForbidden; passed != row.passed {
			body, _ := io.ReadAll(w.Body) // a recorder's body has no error
			t.Errorf("%+v: status %d %s", row, w.Code, body)
		}
	}
}

func TestCheckCORS(t *testing.T) {
	for _, valid := range []emulator.CORS{nil, {"*"}, {page, "http://localhost:3000", "http://[::1]:1"}} {
		if err := valid.Check(); err != nil {
			t.Error(err)
		}
	}
	for _, invalid := range []string{
		"", "example.com", "https://", "https://a.example/", "https://a.example/b", "https://*.example", "ftp://a.example", "null", "https://u@a.example", "https://a.example?x",
	} {
		if err := (emulator.CORS{page, invalid}).Check(); err == nil || !strings.Contains(err.Error(), "https://example.com") {
			t.Errorf("%q: got %v", invalid, err)
		}
	}
	if err := (emulator.CORS{"*", page}).Check(); err == nil {
		t.Error(`"*" and another origin were accepted`)
	}
}
