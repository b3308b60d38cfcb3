package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lambda-r-runtime/internal/credentials"
	"lambda-r-runtime/protocol/runtimeapi"
	"lambda-r-runtime/supervisor"
)

// A roleEndpoint is a credentials endpoint whose keys are numbered by request.
type roleEndpoint struct {
	*httptest.Server
	requests atomic.Int64
	lasts    time.Duration // how long its credentials are valid
}

func newRoleEndpoint(t *testing.T, lasts time.Duration) *roleEndpoint {
	e := &roleEndpoint{lasts: lasts}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := e.requests.Add(1)
		fmt.Fprintf(w, `{"AccessKeyId":"id%d","SecretAccessKey":"key%[1]d","Token":"token%[1]d","Expiration":%q}`,
			n, time.Now().Add(e.lasts).Format(time.RFC3339))
	}))
	t.Cleanup(e.Close)
	return e
}

func (e *roleEndpoint) store(t *testing.T) *credentials.Store {
	t.Helper()
	s := newCredentials(environment{"AWS_CONTAINER_CREDENTIALS_FULL_URI": e.URL}.get, slog.New(slog.DiscardHandler))
	if s == nil {
		t.Fatal("there is no store")
	}
	return s
}

type environment map[string]string

func (e environment) get(name string) string { return e[name] }

// The endpoint is for functions that have no credentials yet.
func TestNewCredentials(t *testing.T) {
	const uri = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
	for name, row := range map[string]struct {
		env      environment
		want     bool
		warnings int
	}{
		"no endpoint":       {environment{}, false, 0},
		"SnapStart":         {environment{uri: "http://127.0.0.1:1/x", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "t"}, true, 0},
		"no token":          {environment{uri: "http://127.0.0.1:1/x"}, true, 0},
		"a key":             {environment{uri: "http://127.0.0.1:1/x", "AWS_ACCESS_KEY_ID": "x"}, false, 0},
		"a secret":          {environment{uri: "http://127.0.0.1:1/x", "AWS_SECRET_ACCESS_KEY": "x"}, false, 0},
		"a session":         {environment{uri: "http://127.0.0.1:1/x", "AWS_SESSION_TOKEN": "x"}, false, 0},
		"empty variables":   {environment{uri: "http://127.0.0.1:1/x", "AWS_ACCESS_KEY_ID": ""}, true, 0},
		"an invalid one":    {environment{uri: "file:///secret"}, false, 1},
		"invalid, but keys": {environment{uri: "file:///secret", "AWS_ACCESS_KEY_ID": "x"}, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var log strings.Builder
			s := newCredentials(row.env.get, slog.New(slog.NewTextHandler(&log, nil)))
			if (s != nil) != row.want || strings.Count(log.String(), "level=WARN") != row.warnings {
				t.Errorf("got a store: %t; logged %s", s != nil, &log)
			}
			if strings.Contains(log.String(), "secret") || row.warnings > 0 && !strings.Contains(log.String(), uri) {
				t.Errorf("logged %s", &log)
			}
		})
	}
}

// The server of the Runtime API may have any address.
func TestCredentialsOfTheRuntimeAPI(t *testing.T) {
	e := newRoleEndpoint(t, time.Hour)
	env := environment{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://192.0.2.1:9001/2021-04-23/credentials"}
	var log strings.Builder
	newCredentials(env.get, slog.New(slog.NewTextHandler(&log, nil))).Refresh(t.Context(), time.Time{})
	if !strings.Contains(log.String(), "is not on this machine") {
		t.Errorf("logged %s", &log)
	}
	env = environment{"AWS_CONTAINER_CREDENTIALS_FULL_URI": e.URL, "AWS_LAMBDA_RUNTIME_API": e.Listener.Addr().String()}
	s := newCredentials(env.get, slog.New(slog.DiscardHandler))
	if s.Refresh(t.Context(), time.Time{}); s.Current().Number != 1 {
		t.Error("got no credentials")
	}
}

// An R gets credentials when it starts, and each renewal once.
func TestShare(t *testing.T) {
	store := newRoleEndpoint(t, time.Hour).store(t)
	first, second := share{store: store}, share{store: store}
	for _, s := range []*share{&first, &second} {
		entries := s.environ(t.Context())
		if want := []string{"AWS_ACCESS_KEY_ID=id1", "AWS_SECRET_ACCESS_KEY=key1", "AWS_SESSION_TOKEN=token1"}; !slices.Equal(slices.Sorted(slices.Values(entries)), want) {
			t.Errorf("R starts with %q, want %q", entries, want)
		}
		if env := s.renewed(); env != nil {
			t.Errorf("then it gets %v", env)
		}
	}
	store.Renew(t.Context())
	want := map[string]string{"AWS_ACCESS_KEY_ID": "id2", "AWS_SECRET_ACCESS_KEY": "key2", "AWS_SESSION_TOKEN": "token2"}
	for _, s := range []*share{&first, &second} {
		if env := s.renewed(); !maps.Equal(env, want) {
			t.Errorf("after the renewal it gets %v, want %v", env, want)
		}
		if env := s.renewed(); env != nil {
			t.Errorf("then it gets %v", env)
		}
	}
}

// A function without the endpoint costs nothing, and neither does one whose endpoint fails.
func TestShareOfNothing(t *testing.T) {
	e := newRoleEndpoint(t, time.Hour)
	e.Close()
	for _, s := range []share{{}, {store: e.store(t)}} {
		if entries, env := s.environ(t.Context()), s.renewed(); entries != nil || env != nil {
			t.Errorf("R gets %v, %v", entries, env)
		}
	}
}

// A nextAPI answers Next; other calls panic.
type nextAPI struct {
	supervisor.RuntimeAPI
	inv *runtimeapi.Invocation
	err error
}

func (f nextAPI) Next(context.Context) (*runtimeapi.Invocation, error) { return f.inv, f.err }

// Credentials are renewed when an event has arrived, and only if they are due.
func TestRefresher(t *testing.T) {
	soon := &runtimeapi.Invocation{Deadline: time.Now().Add(time.Minute)}
	for name, row := range map[string]struct {
		lasts time.Duration
		api   nextAPI
		want  int // requests
	}{
		"not due":       {time.Hour, nextAPI{inv: soon}, 0},
		"due":           {-time.Hour, nextAPI{inv: soon}, 1},
		"no deadline":   {-time.Hour, nextAPI{inv: &runtimeapi.Invocation{}}, 1},
		"too late":      {-time.Hour, nextAPI{inv: &runtimeapi.Invocation{Deadline: time.Unix(1, 0)}}, 0},
		"no invocation": {-time.Hour, nextAPI{err: errors.New("broken")}, 0},
		"half an event": {-time.Hour, nextAPI{inv: soon, err: errors.New("cut off")}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			e := newRoleEndpoint(t, row.lasts)
			store := e.store(t)
			if row.lasts > 0 {
				store.Renew(t.Context())
				e.requests.Store(0)
			}
			inv, err := (&refresher{row.api, store}).Next(t.Context())
			if inv != row.api.inv || err != row.api.err {
				t.Errorf("got %v, %v", inv, err)
			}
			if n := int(e.requests.Load()); n != row.want {
				t.Errorf("%d requests, want %d", n, row.want)
			}
		})
	}
}

// An endpoint that hangs costs an invocation little of its time.
func TestRefresherDoesNotWait(t *testing.T) {
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(hangs.Close)
	e := &roleEndpoint{Server: hangs}
	for name, timeout := range map[string]time.Duration{"short": 2 * time.Second, "none": 0} {
		t.Run(name, func(t *testing.T) {
			var deadline time.Time
			if timeout > 0 {
				deadline = time.Now().Add(timeout)
			}
			api := &refresher{nextAPI{inv: &runtimeapi.Invocation{Deadline: deadline}}, e.store(t)}
			inv, err := api.Next(t.Context())
			if err != nil || inv == nil {
				t.Errorf("got %v, %v", inv, err)
			}
			if !deadline.IsZero() && time.Now().After(deadline) {
				t.Error("it returned after the deadline")
			}
		})
	}
}

// After the restore, all environments have the same limits and old credentials, and both are
// renewed once, whichever slot comes first.
func TestRestore(t *testing.T) {
	e := newRoleEndpoint(t, time.Hour)
	s := settings{maxInvocations: 1 << 30}
	p := &pool{settings: s, credentials: e.store(t), workers: map[int]*pooled{}}
	before := map[int]recycler{}
	for slot := range 4 {
		p.workers[slot] = &pooled{pool: p, recycler: newRecycler(s, 0)}
		before[slot] = p.workers[slot].recycler
	}
	p.credentials.Refresh(t.Context(), time.Time{})
	var slots sync.WaitGroup
	for range p.workers {
		slots.Go(func() {
			p.restore(t.Context())
			if n := p.credentials.Current().Number; n != 2 {
				t.Errorf("after the restore it has the credentials number %d", n)
			}
		})
	}
	slots.Wait()
	for slot, w := range p.workers {
		if w.recycler == before[slot] {
			t.Errorf("slot %d has the limits of the snapshot: %+v", slot, w.recycler)
		}
	}
	if n := e.requests.Load(); n != 2 {
		t.Errorf("%d requests", n)
	}
}
