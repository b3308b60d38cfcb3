package e2e

import (
	"context"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

// A stranger or a web page that reaches the address of bootstrap local can neither take nor
// forge an invocation, nor end bootstrap, and a web page cannot invoke the function.
func TestLocalUnderAttack(t *testing.T) {
	_, f := startLocal(t, "faults.run", nil)
	request := func(method, path, body string, header ...string) (status int) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, method, f.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
			if header[i] == "Host" {
				r.Host = header[i+1]
			}
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode
	}
	const invoke = "/2015-03-31/functions/function/invocations"
	for _, header := range [][]string{
		{"Host", "evil.example"},
		{"Host", "function:8080"}, // the name of a container, but the address is not a container's
		{"Origin", "https://evil.example"},
		{"Origin", "null"},
		{"Sec-Fetch-Site", "cross-site"},
	} {
		for _, path := range []string{invoke, "/plot", "/2018-06-01/runtime/init/error"} {
			if status := request(http.MethodPost, path, "{}", append(header, "Content-Type", "text/plain")...); status != http.StatusForbidden {
				t.Errorf("%q: POST %s got status %d, want 403", header, path, status)
			}
		}
	}
	for _, path := range []string{
		"GET /2018-06-01/runtime/invocation/next", "POST /2018-06-01/runtime/invocation/x/response",
		"POST /2018-06-01/runtime/init/error", "POST /2020-01-01/extension/register",
	} {
		method, path, _ := strings.Cut(path, " ")
		if status := request(method, path, "{}", "Lambda-Extension-Name", "x"); status != http.StatusNotFound {
			t.Errorf("%s %s got status %d, want 404", method, path, status)
		}
	}
	if got := f.result(call("echo", `{"event": "still here"}`)); got != `"still here"` {
		t.Errorf("afterwards the function returns %s", got)
	}

	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Fatal("curl is not installed")
	}
	for _, url := range []string{f.url + invoke, strings.Replace(f.url, "127.0.0.1", "localhost", 1) + invoke} {
		out, err := exec.Command(curl, "-sS", "-d", call("echo", `{"event": "curl"}`), url).CombinedOutput()
		if err != nil || string(out) != `"curl"` {
			t.Errorf("curl %s: %s, %v", url, out, err)
		}
	}
}
