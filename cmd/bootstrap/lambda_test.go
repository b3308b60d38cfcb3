package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"lambda-r-runtime/lambdalog"
	"lambda-r-runtime/protocol/runtimeapi"
)

// A fakeAPI is a Runtime API that records its calls. Every call of /next returns an event, and every
// call of /restore/next returns at once.
type fakeAPI struct {
	registerStatus int

	mu    sync.Mutex
	calls []string // the last elements of the paths
	body  string   // of the last POST
}

func (a *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // an error would fail the checks of the body
	_, call, _ := strings.Cut(r.URL.Path, "/runtime/")
	if call == "" {
		call = r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls = append(a.calls, call)
	switch call {
	case "register":
		w.Header().Set(runtimeapi.HeaderExtensionID, "extension-1")
		w.WriteHeader(a.registerStatus)
	case "init/error":
		a.body = string(body)
		w.WriteHeader(http.StatusAccepted)
	default:
		w.Header().Set(runtimeapi.HeaderRequestID, "1")
		fmt.Fprint(w, "{}")
	}
}

// client serves a and returns a client of it.
func (a *fakeAPI) client(t *testing.T) *runtimeapi.Client {
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	c, err := runtimeapi.NewClient(strings.TrimPrefix(server.URL, "http://"), "test", 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// An error from the supervisor's configuration is logged once and reported as the init
// error. Nothing runs afterwards.
func TestConfigurationErrorIsAnInitError(t *testing.T) {
	api := &fakeAPI{}
	var printed strings.Builder
	out := lambdalog.NewOutput(&printed, nil)
	s := settings{handler: "app.f", taskRoot: ".", initTimeout: -1}
	getenv := func(name string) string { return map[string]string{"LAMBDA_R_BIN": "/bin/true"}[name] }
	err := serveLambda(t.Context(), s, api.client(t), getenv, out, lambdalog.New(out, lambdalog.Options{}))
	if !errors.Is(err, errReported) {
		t.Errorf("got %v", err)
	}
	if !slices.Equal(api.calls, []string{"init/error"}) || !strings.Contains(api.body, "must be positive") {
		t.Errorf("calls %q with %s", api.calls, api.body)
	}
	if n := strings.Count(printed.String(), "fatal error, exiting"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, &printed)
	}
}

// The extension is registered once, before the first poll of any slot, and only if R has
// hooks. A refusal delays no event.
func TestExtension(t *testing.T) {
	for _, row := range []struct {
		name   string
		hooks  bool
		status int
		first  []string
		warns  bool
	}{
		{"hooks", true, http.StatusOK, []string{"register", "invocation/next"}, false},
		{"no hooks", false, http.StatusOK, []string{"invocation/next", "invocation/next"}, false},
		{"refused", true, http.StatusForbidden, []string{"register", "invocation/next"}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			api := &fakeAPI{registerStatus: row.status}
			var log strings.Builder
			ext := newExtension(api.client(t), func() bool { return row.hooks }, slog.New(slog.NewTextHandler(&log, nil)))
			var slots sync.WaitGroup
			for range 3 {
				slots.Go(func() {
					if inv, err := ext.Next(t.Context()); err != nil || inv.ID != "1" {
						t.Errorf("got %+v, %v", inv, err)
					}
				})
			}
			slots.Wait()
			want := 3 + strings.Count(strings.Join(row.first, " "), "register")
			if len(api.calls) != want || !slices.Equal(api.calls[:2], row.first) {
				t.Errorf("calls %q", api.calls)
			}
			if warned := strings.Contains(log.String(), "extension failed"); warned != row.warns {
				t.Errorf("logged %q", log.String())
			}
		})
	}
}

// With SnapStart, the extension is registered once, before the wait for the restore, even if that
// is asked again.
func TestExtensionBeforeSnapshot(t *testing.T) {
	for _, hooks := range []bool{true, false} {
		api := &fakeAPI{registerStatus: http.StatusOK}
		ext := newExtension(api.client(t), func() bool { return hooks }, slog.New(slog.DiscardHandler))
		for range 2 {
			if err := ext.RestoreNext(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if _, err := ext.Next(t.Context()); err != nil {
			t.Error(err)
		}
		want := []string{"restore/next", "restore/next", "invocation/next"}
		if hooks {
			want = append([]string{"register"}, want...)
		}
		if !slices.Equal(api.calls, want) {
			t.Errorf("calls %q, want %q", api.calls, want)
		}
	}
}

// A broken connection does not end the extension, because a restore may break it. An answer does.
func TestExtensionWaitsAgain(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked < 3 {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(http.StatusForbidden)
	}))
	defer server.Close()
	client, err := runtimeapi.NewClient(strings.TrimPrefix(server.URL, "http://"), "test", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ext := newExtension(client, nil, slog.New(slog.DiscardHandler))
	err = ext.wait(t.Context(), "id")
	if status, ok := errors.AsType[*runtimeapi.StatusError](err); !ok || status.Status != http.StatusForbidden || asked != 3 {
		t.Errorf("asked %d times, got %v", asked, err)
	}
}
