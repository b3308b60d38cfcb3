package credentials

import (
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Variables are the environment variables in which AWS SDKs and R packages look for credentials.
var Variables = []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}

// Credentials are the temporary keys of the function's role. The zero value has none.
type Credentials struct {
	Expires time.Time // zero if they never do

	// A function, because fmt ignores Format where Credentials are in an unexported field, and can
	// print the fields of everything else.
	env func() map[string]string
}

// newCredentials returns credentials for a key, its secret and a token that may be empty.
func newCredentials(id, secret, token string, expires time.Time) Credentials {
	return Credentials{expires, func() map[string]string {
		return map[string]string{Variables[0]: id, Variables[1]: secret, Variables[2]: token}
	}}
}

// Env returns the Variables with their values, or nil if there are no credentials.
func (c Credentials) Env() map[string]string {
	if c.env == nil {
		return nil
	}
	return c.env()
}

// expireBefore reports whether the credentials expire before t, or do not exist.
func (c Credentials) expireBefore(t time.Time) bool {
	return c.env == nil || !c.Expires.IsZero() && c.Expires.Before(t)
}

// Format hides the keys from all verbs of fmt.
func (c Credentials) Format(w fmt.State, _ rune) {
	_, _ = io.WriteString(w, c.LogValue().String()) // as fmt itself, which cannot report it
}

// LogValue hides the keys from log/slog.
func (c Credentials) LogValue() slog.Value {
	switch {
	case c.env == nil:
		return slog.StringValue("no credentials")
	case c.Expires.IsZero():
		return slog.StringValue("credentials that never expire")
	}
	return slog.StringValue("credentials that expire at " + c.Expires.Format(time.RFC3339))
}
