package main

import (
	"context"
	"log/slog"
	"time"

	"lambda-r-runtime/internal/credentials"
	"lambda-r-runtime/protocol/runtimeapi"
	"lambda-r-runtime/supervisor"
)

// newCredentials returns the store of the function's credentials, or nil if it needs none: Lambda
// has set them as variables, or has no endpoint for them. An invalid setting is only logged,
// because the function may not use AWS at all.
func newCredentials(getenv func(string) string, log *slog.Logger) *credentials.Store {
	uri := getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")
	if uri == "" {
		return nil
	}
	for _, name := range credentials.Variables {
		if getenv(name) != "" {
			return nil
		}
	}
	endpoint, err := credentials.NewEndpoint(credentials.Config{
		URI:        uri,
		Token:      getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
		TokenFile:  getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
		RuntimeAPI: getenv("AWS_LAMBDA_RUNTIME_API"),
	})
	if err != nil {
		log.Warn("credentials not fetched, calls to AWS will fail", "error", err)
		return nil
	}
	return credentials.NewStore(endpoint, log)
}

// A refresher is the Runtime API of a function whose credentials expire. It renews them between an
// event's arrival and its invocation: no earlier, because Lambda stops the environment while it
// waits, and no later, because R would be interrupted if the deadline came during the renewal.
type refresher struct {
	supervisor.RuntimeAPI
	store *credentials.Store
}

// Next waits for an invocation and renews the credentials if they are due. That takes at most a
// quarter of the time until the deadline.
func (r *refresher) Next(ctx context.Context) (*runtimeapi.Invocation, error) {
	inv, err := r.RuntimeAPI.Next(ctx)
	if err != nil {
		return inv, err
	}
	if !inv.Deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(inv.Deadline)/4)
		defer cancel()
	}
	r.store.Refresh(ctx, inv.Deadline)
	return inv, nil
}

// A share is what one R has of the credentials.
type share struct {
	store   *credentials.Store // nil if there are none
	version int
}

// environ returns the current credentials for a new R, as in os.Environ.
func (s *share) environ(ctx context.Context) (entries []string) {
	if s.store != nil {
		s.store.Refresh(ctx, time.Time{})
	}
	for name, value := range s.renewed() {
		entries = append(entries, name+"="+value)
	}
	return entries
}

// renewed returns the current credentials once after each renewal, and otherwise nil.
func (s *share) renewed() map[string]string {
	if s.store == nil {
		return nil
	}
	v := s.store.Current()
	if v.Number == s.version {
		return nil
	}
	s.version = v.Number
	return v.Credentials.Env()
}

// currentEnv returns getenv with the current credentials, which the environment lacks with SnapStart.
func (p *pool) currentEnv(getenv func(string) string) func(string) string {
	return func(name string) string {
		if p.credentials != nil {
			if value, ok := p.credentials.Current().Credentials.Env()[name]; ok {
				return value
			}
		}
		return getenv(name)
	}
}
