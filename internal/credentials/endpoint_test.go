package credentials

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const (
	secret = "SECRET" // in all that must not be shown
	token  = "Bearer SECRET-token"
	answer = `{"AccessKeyId":"SECRET-id","SecretAccessKey":"SECRET-key","Token":"SECRET-session","Expiration":"2030-01-02T03:04:05Z"}`
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newTestEndpoint(t *testing.T, c Config) *Endpoint {
	t.Helper()
	e, err := NewEndpoint(c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// serve returns the URI of a server that answers with h until the test ends.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL + "/2021-04-23/credentials"
}

// ask fetches from the endpoint, within a time that no test needs.
func ask(t *testing.T, e *Endpoint) (Credentials, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return e.Fetch(ctx)
}

// Lambda's endpoint answers with 404 to a wrong token.
func TestFetch(t *testing.T) {
	uri := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/2021-04-23/credentials" || r.Header.Get("Authorization") != token {
			http.Error(w, "cannot get credentials for the provided token", http.StatusNotFound)
			return
		}
		fmt.Fprint(w, answer)
	})
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]Config{
		"token":              {URI: uri, Token: token},
		"file":               {URI: uri, TokenFile: file},
		"file is preferred":  {URI: uri, Token: "other", TokenFile: file},
		"name":               {URI: strings.Replace(uri, "127.0.0.1", "localhost", 1), Token: token},
		"IPv4 in IPv6":       {URI: strings.Replace(uri, "127.0.0.1", "[::ffff:127.0.0.1]", 1), Token: token},
		"of the Runtime API": {URI: uri, Token: token, RuntimeAPI: strings.Split(uri, "/")[2]},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := ask(t, newTestEndpoint(t, c))
			if err != nil {
				t.Fatal(err)
			}
			env := c.Env()
			if env["AWS_ACCESS_KEY_ID"] != "SECRET-id" || env["AWS_SECRET_ACCESS_KEY"] != "SECRET-key" ||
				env["AWS_SESSION_TOKEN"] != "SECRET-session" || len(env) != 3 {
				t.Errorf("got %v", env)
			}
			if want := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC); !c.Expires.Equal(want) {
				t.Errorf("they expire at %v, want %v", c.Expires, want)
			}
		})
	}
	t.Run("wrong token", func(t *testing.T) {
		_, err := ask(t, newTestEndpoint(t, Config{URI: uri, Token: token + "x"}))
		checkError(t, err, http.StatusNotFound, "check AWS_CONTAINER_AUTHORIZATION_TOKEN")
	})
}

// The file is read again for each request.
func TestTokenFileChanges(t *testing.T) {
	var got atomic.Value
	uri := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got.Store(r.Header.Get("Authorization"))
		fmt.Fprint(w, answer)
	})
	file := filepath.Join(t.TempDir(), "token")
	e := newTestEndpoint(t, Config{URI: uri, TokenFile: file})
	for _, token := range []string{"one", "two"} {
		if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ask(t, e); err != nil || got.Load() != token {
			t.Errorf("it sent the token %v, %v; want %s", got.Load(), err, token)
		}
	}
}

func TestOptionalMembers(t *testing.T) {
	for body, want := range map[string]map[string]string{
		`{"AccessKeyId":"a","SecretAccessKey":"b"}`:                                                       {"AWS_SESSION_TOKEN": ""},
		`{"AccessKeyId":"a","SecretAccessKey":"b","Token":"c","Expiration":"0001-01-01T00:00:00Z"}`:       {"AWS_SESSION_TOKEN": "c"},
		`{"AccessKeyId":"a","SecretAccessKey":"b","Token":null,"Expiration":null,"AccountId":"1","x":[]}`: {"AWS_SESSION_TOKEN": ""},
	} {
		c, reason := parse([]byte(body))
		if got, ok := c.Env()["AWS_SESSION_TOKEN"]; reason != "" || !ok || got != want["AWS_SESSION_TOKEN"] || !c.Expires.IsZero() {
			t.Errorf("%s: got the token %q, expires %v, %s", body, got, c.Expires, reason)
		}
	}
}

// checkError checks that err is an *Error with that status and text, and that it hides secrets.
func checkError(t *testing.T, err error, status int, text string) {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Status != status || !strings.Contains(err.Error(), text) {
		t.Errorf("got %v, want status %d and %q", err, status, text)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%q"} {
		if shown := fmt.Sprintf(format, err); strings.Contains(shown, secret) {
			t.Errorf("%s shows a secret: %s", format, shown)
		}
	}
}

func TestBadAnswers(t *testing.T) {
	redirected := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("it followed a redirect") })
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		status int
		text   string
	}{
		"400":       {status(http.StatusBadRequest), http.StatusBadRequest, "status 400"},
		"redirect":  {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, redirected, http.StatusFound) }, http.StatusFound, "not followed"},
		"no JSON":   {write(`SECRET-key`), http.StatusOK, "not a JSON object"},
		"cut off":   {write(answer[:len(answer)-1]), http.StatusOK, "not a JSON object"},
		"array":     {write(`[` + answer + `]`), http.StatusOK, "not a JSON object"},
		"number":    {write(`{"AccessKeyId":"SECRET-id","SecretAccessKey":12345,"Token":"SECRET-x"}`), http.StatusOK, "not a JSON object"},
		"no key":    {write(`{"AccessKeyId":"SECRET-id","Token":"SECRET-x"}`), http.StatusOK, "no SecretAccessKey"},
		"an error":  {write(`{"code":"x","message":"SECRET"}`), http.StatusOK, "no AccessKeyId"},
		"NUL":       {write(`{"AccessKeyId":"SECRET-id\u0000","SecretAccessKey":"SECRET-key"}`), http.StatusOK, "control characters"},
		"bad time":  {write(`{"AccessKeyId":"SECRET-id","SecretAccessKey":"SECRET-key","Expiration":"SECRET"}`), http.StatusOK, "RFC 3339"},
		"huge":      {write(answer + strings.Repeat(" ", maxAnswer)), http.StatusOK, "exceeds 65536 bytes"},
		"huge head": {hugeHead, 0, "no valid HTTP answer"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ask(t, newTestEndpoint(t, Config{URI: serve(t, test.answer), Token: token}))
			checkError(t, err, test.status, test.text)
		})
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, answer, code) }
}

func write(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }
}

func hugeHead(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("X-Large", strings.Repeat("SECRET", maxAnswer))
	fmt.Fprint(w, answer)
}

// An endpoint that fails for a moment is asked again; one that continues to fail is not asked forever.
func TestFetchAgain(t *testing.T) {
	for name, fail := range map[string]http.HandlerFunc{
		"500": status(http.StatusInternalServerError),
		"429": status(http.StatusTooManyRequests),
		"cut off": func(http.ResponseWriter, *http.Request) {
			panic(http.ErrAbortHandler)
		},
	} {
		for _, failures := range []int64{2, 1 << 30} {
			t.Run(fmt.Sprint(name, " ", failures, " times"), func(t *testing.T) {
				var calls atomic.Int64
				uri := serve(t, func(w http.ResponseWriter, r *http.Request) {
					if calls.Add(1) <= failures {
						fail(w, r)
						return
					}
					fmt.Fprint(w, answer)
				})
				c, err := ask(t, newTestEndpoint(t, Config{URI: uri}))
				if failures == 2 && (err != nil || c.Env() == nil || calls.Load() != 3) {
					t.Errorf("after %d calls: %v", calls.Load(), err)
				}
				if failures > 2 && (err == nil || calls.Load() != 4) {
					t.Errorf("after %d calls: %v", calls.Load(), err)
				}
			})
		}
	}
}

// A slow endpoint is left when the context ends, whichever part of the answer is missing.
func TestSlowAnswer(t *testing.T) {
	for name, begin := range map[string]string{"head": "", "body": answer[:20]} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			uri := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if begin != "" {
					w.Header().Set("Content-Length", "1000")
					_, _ = io.WriteString(w, begin) // the client is there
					w.(http.Flusher).Flush()
				}
				cancel(nil)
				<-r.Context().Done()
			})
			_, err := newTestEndpoint(t, Config{URI: uri, Token: token}).Fetch(ctx)
			checkError(t, err, 0, "stopped")
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// net/http quotes an answer that is not HTTP; the error must not.
func TestAnswerIsNotHTTP(t *testing.T) {
	for _, reply := range []string{answer + "\n", "HTTP/1.1 SECRET x\r\n\r\n", "HTTP/1.1 200 OK\r\nSECRET\r\n\r\n"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() { // ends when l is closed
			defer close(ended)
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = io.WriteString(c, reply) // the test looks at what the client makes of it
				_, _ = io.Copy(io.Discard, c)   // likewise; ends when the client has left
				_ = c.Close()                   // likewise
			}
		}()
		_, err = ask(t, newTestEndpoint(t, Config{URI: "http://" + l.Addr().String(), Token: token}))
		checkError(t, err, 0, "no valid HTTP answer")
		l.Close()
		<-ended
	}
}

func TestNotReached(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	_, err = ask(t, newTestEndpoint(t, Config{URI: "http://" + address + "/SECRET?SECRET", Token: token}))
	checkError(t, err, 0, "not reached")
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v", err)
	}
}

// The token is sent without encryption only to this machine, whatever a name resolves to.
func TestAddresses(t *testing.T) {
	for address, allowed := range map[string]bool{
		"127.0.0.1:80": true, "127.9.9.9:1": true, "[::1]:80": true, "[::ffff:127.0.0.1]:80": true,
		"169.254.170.2:80": true, "169.254.170.23:80": true, "[fd00:ec2::23]:80": true,
		"169.254.169.254:80": false, "10.0.0.1:80": false, "192.0.2.1:80": false, "0.0.0.0:80": false, "[::]:80": false,
		"[fd00:ec2::24]:80": false, "[2001:db8::1]:80": false, "[::ffff:10.0.0.1]:80": false, "[fe80::1%eth0]:80": false,
	} {
		if err := allowLocal("tcp", address, nil); (err == nil) != allowed {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, uri := range []string{"http://192.0.2.1/", "http://[2001:db8::1]:8080/x", "http://0.0.0.0:1/"} {
		_, err := ask(t, newTestEndpoint(t, Config{URI: uri, Token: token}))
		checkError(t, err, 0, "is not on this machine")
	}
}

// https needs a certificate that this machine trusts.
func TestHTTPS(t *testing.T) {
	server := httptest.NewTLSServer(write(answer))
	server.Config.ErrorLog = nil
	t.Cleanup(server.Close)
	_, err := ask(t, newTestEndpoint(t, Config{URI: server.URL, Token: token}))
	checkError(t, err, 0, "not trusted")

	e := newTestEndpoint(t, Config{URI: server.URL, Token: token})
	e.client.Transport.(*http.Transport).TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig
	if c, err := ask(t, e); err != nil || c.Env() == nil {
		t.Errorf("got %v", err)
	}
}

func TestProxyIsNotUsed(t *testing.T) {
	t.Setenv("HTTP_PROXY", serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the proxy got the request") }))
	// The standard library uses no proxy for addresses of the loopback interface either.
	_, err := ask(t, newTestEndpoint(t, Config{URI: "http://192.0.2.1/", Token: token}))
	checkError(t, err, 0, "192.0.2.1:80 is not on this machine")
}

func TestInvalidConfig(t *testing.T) {
	for _, uri := range []string{"", "SECRET", "ftp://127.0.0.1/SECRET", "http:///SECRET", "http://127.0.0.1:x/SECRET", "://SECRET"} {
		if _, err := NewEndpoint(Config{URI: uri}); err == nil || strings.Contains(err.Error(), secret) ||
			!strings.Contains(err.Error(), "AWS_CONTAINER_CREDENTIALS_FULL_URI: not an http or https URL") {
			t.Errorf("%q: %v", uri, err)
		}
	}
	for _, c := range []Config{{Token: "SECRET\r\nX: y"}, {Token: "SECRET\x00"}, {TokenFile: "/nowhere/token", Token: token}} {
		c.URI = serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request without a token") })
		_, err := ask(t, newTestEndpoint(t, c))
		checkError(t, err, 0, "no token: AWS_CONTAINER_AUTHORIZATION_TOKEN")
	}
}
