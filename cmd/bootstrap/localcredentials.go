package main

import (
	"cmp"
	"context"
	"sync"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/internal/random"
)

const (
	// initCredentials and restoredCredentials are how long made-up credentials are valid. Those of
	// the init must have expired after the restore, as they have in Lambda, where the snapshot may
	// be weeks old.
	initCredentials     = 2 * time.Second
	restoredCredentials = 6 * time.Hour
)

// localCredentials are the credentials that the endpoint of bootstrap local --snapstart returns.
// They are the developer's own, if the environment has some. Otherwise they are made up, and others
// after the restore.
type localCredentials struct {
	own *emulator.Credentials // nil if there are none

	mu       sync.Mutex
	restored bool
	current  emulator.Credentials
	expires  time.Time // when the last ones that were returned expire
}

func newLocalCredentials(getenv func(string) string) *localCredentials {
	c := &localCredentials{}
	id, key := getenv("AWS_ACCESS_KEY_ID"), getenv("AWS_SECRET_ACCESS_KEY")
	if id == "" || key == "" {
		return c
	}
	expiration, err := time.Parse(time.RFC3339, getenv("AWS_CREDENTIAL_EXPIRATION"))
	if err != nil { // they do not expire, or the time is unknown
		expiration = time.Now().Add(restoredCredentials)
	}
	c.own = &emulator.Credentials{
		AccessKeyID: id, SecretAccessKey: key, Expiration: expiration,
		Token: cmp.Or(getenv("AWS_SESSION_TOKEN"), getenv("AWS_SECURITY_TOKEN")),
	}
	return c
}

// get returns the current credentials.
func (c *localCredentials) get() emulator.Credentials {
	if c.own != nil {
		return *c.own
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); !now.Before(c.expires) {
		name, valid := "LOCALBEFORESNAPSHOT", initCredentials
		if c.restored {
			name, valid = "LOCALAFTERRESTORE", restoredCredentials
		}
		c.expires = now.Add(valid).Truncate(time.Second) // AWS's have whole seconds
		c.current = emulator.Credentials{
			AccessKeyID: name, SecretAccessKey: random.Text(), Token: random.Text(), Expiration: c.expires.UTC(),
		}
	}
	return c.current
}

// restore changes the credentials. It waits until those from before have expired, or until ctx
// ends.
func (c *localCredentials) restore(ctx context.Context) {
	c.mu.Lock()
	timer := time.NewTimer(time.Until(c.expires))
	c.mu.Unlock()
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	c.mu.Lock()
	c.restored = true
	c.mu.Unlock()
}
