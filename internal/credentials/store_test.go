package credentials

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A testStore has an endpoint and a clock that the test sets.
type testStore struct {
	*Store
	t     *testing.T
	log   bytes.Buffer
	clock time.Time

	c     Credentials
	err   error
	calls int
}

var start = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func newTestStore(t *testing.T) *testStore {
	s := &testStore{t: t, clock: start}
	s.Store = NewStore(newTestEndpoint(t, Config{URI: "http://127.0.0.1:1/"}),
		slog.New(slog.NewTextHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	s.now = func() time.Time { return s.clock }
	s.fetch = func(context.Context) (Credentials, error) {
		s.calls++
		return s.c, s.err
	}
	return s
}

// answer sets what the endpoint answers with.
func (s *testStore) answer(c Credentials, err error) { s.c, s.err = c, err }

// named returns credentials that expire after a time from the start.
func named(id string, expires time.Duration) Credentials {
	return newCredentials(id, "SECRET", "SECRET", start.Add(expires))
}

// check checks the current credentials and how many requests and warnings there were since the last
// check.
func (s *testStore) check(id string, calls, warnings int) {
	s.t.Helper()
	if got := s.Current().Credentials.Env()["AWS_ACCESS_KEY_ID"]; got != id {
		s.t.Errorf("the current ones are %q, want %q", got, id)
	}
	if s.calls != calls {
		s.t.Errorf("%d requests, want %d", s.calls, calls)
	}
	if n := strings.Count(s.log.String(), "level=WARN"); n != warnings {
		s.t.Errorf("%d warnings, want %d:\n%s", n, warnings, &s.log)
	}
	if strings.Contains(s.log.String(), secret) {
		s.t.Errorf("a secret in the log:\n%s", &s.log)
	}
	s.calls = 0
	s.log.Reset()
}

// refresh refreshes for an invocation that is over soon.
func (s *testStore) refresh() { s.Refresh(s.t.Context(), s.clock.Add(3*time.Second)) }

func TestRefresh(t *testing.T) {
	s := newTestStore(t)
	if v := s.Current(); v.Number != 0 || v.Credentials.Env() != nil {
		t.Errorf("at first it has %v", v)
	}
	s.answer(named("first", time.Hour), nil)
	s.refresh()
	s.check("first", 1, 0)
	s.answer(named("second", 2*time.Hour), nil)
	s.clock = start.Add(54 * time.Minute)
	s.refresh()
	s.check("first", 0, 0)
	s.clock = start.Add(55*time.Minute + time.Second)
	s.refresh()
	s.check("second", 1, 0)
	s.refresh()
	s.check("second", 0, 0)
	if n := s.Current().Number; n != 2 {
		t.Errorf("the second ones have the number %d", n)
	}
}

// An invocation gets credentials that last until its deadline, if the endpoint has them.
func TestRefreshForALongInvocation(t *testing.T) {
	s := newTestStore(t)
	s.answer(named("first", time.Hour), nil)
	s.refresh()
	s.check("first", 1, 0)
	s.answer(named("second", 2*time.Hour), nil)
	s.clock = start.Add(50 * time.Minute)
	s.Refresh(t.Context(), s.clock.Add(9*time.Minute))
	s.check("first", 0, 0)
	s.Refresh(t.Context(), s.clock.Add(15*time.Minute))
	s.check("second", 1, 0)
}

// An endpoint that has no newer credentials is not asked before each invocation.
func TestSameCredentialsAgain(t *testing.T) {
	s := newTestStore(t)
	s.answer(named("first", time.Minute), nil)
	for range 3 {
		s.refresh()
	}
	s.check("first", 1, 0)
	s.clock = s.clock.Add(retryAfter)
	s.refresh()
	s.check("first", 1, 0)
}

func TestCredentialsThatNeverExpire(t *testing.T) {
	s := newTestStore(t)
	s.answer(newCredentials("forever", "", "", time.Time{}), nil)
	s.refresh()
	s.clock = s.clock.AddDate(10, 0, 0)
	s.refresh()
	s.check("forever", 1, 0)
}

// A row of failures costs one warning, and one more when the old credentials have expired.
func TestRefreshFails(t *testing.T) {
	s := newTestStore(t)
	s.answer(Credentials{}, errors.New("broken"))
	s.refresh()
	s.refresh()
	s.check("", 1, 1)
	s.clock = s.clock.Add(retryAfter)
	s.refresh()
	s.check("", 1, 0)

	s.clock = s.clock.Add(retryAfter)
	s.answer(named("first", time.Hour), nil)
	s.refresh()
	if !strings.Contains(s.log.String(), "level=INFO msg=\"credentials fetched\"") {
		t.Errorf("the end of the row is not logged: %s", &s.log)
	}
	s.check("first", 1, 0)

	s.answer(Credentials{}, errors.New("broken"))
	for _, after := range []time.Duration{56 * time.Minute, 57 * time.Minute} {
		s.clock = start.Add(after)
		s.refresh()
	}
	if !strings.Contains(s.log.String(), "R keeps the old ones") {
		t.Errorf("logged: %s", &s.log)
	}
	s.check("first", 2, 1)
	for _, after := range []time.Duration{61 * time.Minute, 62 * time.Minute} {
		s.clock = start.Add(after)
		s.refresh()
	}
	if !strings.Contains(s.log.String(), "calls to AWS will fail") {
		t.Errorf("logged: %s", &s.log)
	}
	s.check("first", 2, 1)
}

// Credentials that have expired are useless; the clock may be wrong.
func TestExpiredCredentials(t *testing.T) {
	s := newTestStore(t)
	s.answer(named("old", -time.Second), nil)
	s.refresh()
	if text := s.log.String(); !strings.Contains(text, "expired at 2029-12-31T23:59:59Z and it is 2030-01-01T00:00:00Z") {
		t.Errorf("logged: %s", text)
	}
	s.check("", 1, 1)
	s.clock = start.Add(-time.Hour) // the clock was set
	s.refresh()
	s.check("old", 1, 0)
}

// After a restore the clock has jumped, forward or, if the machine's clock is behind, back.
func TestRenew(t *testing.T) {
	for _, jump := range []time.Duration{14 * 24 * time.Hour, 0, -time.Hour} {
		t.Run(jump.String(), func(t *testing.T) {
			s := newTestStore(t)
			s.answer(named("of the snapshot", 30*time.Minute), nil)
			s.refresh()
			s.check("of the snapshot", 1, 0)
			s.clock = s.clock.Add(jump)
			s.answer(newCredentials("own", "", "", s.clock.Add(time.Hour)), nil)
			s.Renew(t.Context())
			s.refresh()
			s.check("own", 1, 0)
		})
	}
}

// A clock that was set back does not delay the next fetch.
func TestClockIsSetBack(t *testing.T) {
	s := newTestStore(t)
	s.answer(Credentials{}, errors.New("broken"))
	s.refresh()
	s.check("", 1, 1)
	s.clock = s.clock.Add(-time.Hour)
	s.answer(named("first", time.Hour), nil)
	s.refresh()
	s.check("first", 1, 0)
}

func TestStoreUsesTheWallClock(t *testing.T) {
	s := NewStore(newTestEndpoint(t, Config{URI: "http://127.0.0.1:1/"}), slog.New(slog.DiscardHandler))
	if text := s.now().String(); strings.Contains(text, "m=") {
		t.Errorf("its clock is monotonic: %s", text)
	}
}

// A shutdown that ends a fetch is not a failure.
func TestRefreshIsStopped(t *testing.T) {
	s := newTestStore(t)
	s.answer(Credentials{}, &Error{Err: context.Canceled})
	s.refresh()
	s.check("", 1, 0)
}

// A fetch that hangs costs a second, and slots that need one share it.
func TestSlotsShareAFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestStore(t)
		s.fetch = func(ctx context.Context) (Credentials, error) {
			s.calls++
			<-ctx.Done()
			return Credentials{}, fmt.Errorf("no answer: %w", ctx.Err())
		}
		began := time.Now()
		var slots sync.WaitGroup
		for range 10 {
			slots.Go(s.refresh)
		}
		slots.Wait()
		if took := time.Since(began); took != maxFetch {
			t.Errorf("it took %v", took)
		}
		s.check("", 1, 1)
	})
}
