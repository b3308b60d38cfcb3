package credentials

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	// lead is how long before their end credentials are renewed, as in AWS SDKs.
	lead = 5 * time.Minute

	// maxFetch is how long a fetch may delay its caller. The endpoint is on the same machine and
	// takes milliseconds.
	maxFetch = time.Second

	// retryAfter is how long after a fetch no other begins, unless it is forced. It bounds what an
	// endpoint that fails or hangs costs.
	retryAfter = 5 * time.Second
)

// A Store keeps the credentials of the endpoint. All workers share it. It is safe for concurrent
// use.
type Store struct {
	fetch func(context.Context) (Credentials, error)
	name  string
	log   *slog.Logger
	now   func() time.Time // the wall clock: the monotonic clock means nothing after a restore

	current atomic.Pointer[Version] // never nil

	turn    chan struct{} // full during a fetch, so that slots which need one share it
	fetched time.Time     // when the last fetch ended
	warned  string        // the last message of a row of failures; empty after a success
}

// A Version is credentials and their number, which grows with each renewal. It is 0 before the
// first credentials.
type Version struct {
	Number      int
	Credentials Credentials
}

// NewStore returns a store without credentials.
func NewStore(e *Endpoint, log *slog.Logger) *Store {
	s := &Store{
		fetch: e.Fetch,
		name:  e.name(),
		log:   log,
		now:   func() time.Time { return time.Now().Round(0) }, // without the monotonic clock
		turn:  make(chan struct{}, 1),
	}
	s.current.Store(&Version{})
	return s
}

// Current returns the newest credentials. It does not block.
func (s *Store) Current() Version { return *s.current.Load() }

// Refresh fetches new credentials if there are none, or if they expire within five minutes or
// before until. If that fails, it is logged, and the old ones remain current.
func (s *Store) Refresh(ctx context.Context, until time.Time) {
	if !s.due(until) {
		return
	}
	if !s.takeTurn(ctx) {
		return
	}
	defer func() { <-s.turn }()
	since := s.now().Sub(s.fetched) // negative if the clock was set back
	if s.due(until) && (since < 0 || since >= retryAfter) {
		s.renew(ctx)
	}
}

// Renew is Refresh even if the credentials are not due. After a restore, those of the snapshot are
// those of another environment, whatever the clock says.
func (s *Store) Renew(ctx context.Context) {
	if !s.takeTurn(ctx) {
		return
	}
	defer func() { <-s.turn }()
	s.renew(ctx)
}

// takeTurn waits until no other fetch is running. It returns false if ctx ends first.
func (s *Store) takeTurn(ctx context.Context) bool {
	select {
	case s.turn <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// due reports whether the credentials have to be renewed.
func (s *Store) due(until time.Time) bool {
	soon := s.now().Add(lead)
	if until.After(soon) {
		soon = until
	}
	return s.Current().Credentials.expireBefore(soon)
}

// renew fetches credentials and makes them current. The caller has the turn.
func (s *Store) renew(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, maxFetch)
	defer cancel()
	c, err := s.fetch(ctx)
	s.fetched = s.now()
	if err == nil && c.expireBefore(s.now()) {
		err = &Error{Endpoint: s.name, Status: http.StatusOK, Reason: fmt.Sprintf(
			"its credentials expired at %s and it is %s: check the clock of this machine",
			c.Expires.Format(time.RFC3339), s.now().UTC().Format(time.RFC3339))}
	}
	switch old := s.Current(); {
	case errors.Is(err, context.Canceled): // by a shutdown
	case err == nil:
		s.current.Store(&Version{old.Number + 1, c})
		level := slog.LevelDebug
		if s.warned != "" {
			level = slog.LevelInfo
		}
		s.warned = ""
		s.log.Log(ctx, level, "credentials fetched", "credentials", c)
	case old.Credentials.expireBefore(s.now()):
		s.warn("credentials not fetched, calls to AWS will fail", err)
	default:
		s.warn("credentials not renewed, R keeps the old ones until they expire", err)
	}
}

// warn logs a failure, unless the last one of the same row was logged with the same message.
func (s *Store) warn(message string, err error) {
	if s.warned != message {
		s.warned = message
		s.log.Warn(message, "error", err)
	}
}
