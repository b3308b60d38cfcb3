package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// Made-up credentials of the init have expired after the restore, and others follow.
func TestLocalCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(700 * time.Millisecond)
		c := newLocalCredentials(func(string) string { return "" })
		before := c.get()
		if again := c.get(); again != before {
			t.Errorf("they changed from %s to %s while they were valid", before.AccessKeyID, again.AccessKeyID)
		}
		if valid := time.Until(before.Expiration); valid <= 0 || valid > initCredentials {
			t.Errorf("they are valid for %v", valid)
		}
		c.restore(t.Context())
		if valid := time.Until(before.Expiration); valid > 0 {
			t.Errorf("after the restore, they are valid for another %v", valid)
		}
		after := c.get()
		if after.AccessKeyID == before.AccessKeyID || after.SecretAccessKey == before.SecretAccessKey || after.Token == before.Token {
			t.Errorf("got the same again: %s", after.AccessKeyID)
		}
		if valid := time.Until(after.Expiration); valid < time.Hour {
			t.Errorf("they are valid for %v", valid)
		}
		// Those that expire while the function serves are replaced.
		time.Sleep(restoredCredentials)
		if renewed := c.get(); renewed.SecretAccessKey == after.SecretAccessKey || time.Until(renewed.Expiration) < time.Hour {
			t.Errorf("not renewed: they are valid for %v", time.Until(renewed.Expiration))
		}
	})
}

// If nothing asked for credentials before the restore, or bootstrap ends, nothing waits.
func TestLocalCredentialsDoNotDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		c := newLocalCredentials(func(string) string { return "" })
		c.restore(t.Context())
		c = newLocalCredentials(func(string) string { return "" })
		c.get()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		c.restore(ctx)
		if took := time.Since(begin); took > 0 {
			t.Errorf("it took %v", took)
		}
	})
}

// The developer's own credentials are passed on before and after the restore.
func TestOwnCredentials(t *testing.T) {
	env := map[string]string{
		"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token",
		"AWS_CREDENTIAL_EXPIRATION": "2040-01-02T03:04:05+00:00",
	}
	c := newLocalCredentials(func(name string) string { return env[name] })
	for range 2 {
		got := c.get()
		if got.AccessKeyID != "id" || got.SecretAccessKey != "secret" || got.Token != "token" ||
			!got.Expiration.Equal(time.Date(2040, 1, 2, 3, 4, 5, 0, time.UTC)) {
			t.Errorf("got another id, secret, token or expiration: %s, %s", got.AccessKeyID, got.Expiration)
		}
		c.restore(t.Context())
	}
	delete(env, "AWS_CREDENTIAL_EXPIRATION")
	if got := newLocalCredentials(func(name string) string { return env[name] }).get(); time.Until(got.Expiration) < time.Hour {
		t.Errorf("without an expiration, they are valid for %v", time.Until(got.Expiration))
	}
	delete(env, "AWS_SECRET_ACCESS_KEY")
	if got := newLocalCredentials(func(name string) string { return env[name] }).get(); got.AccessKeyID == "id" {
		t.Error("half of the credentials was passed on")
	}
}
