package credentials

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// Nothing prints keys, also where credentials are deep in something else.
func TestKeysAreHidden(t *testing.T) {
	c, reason := parse([]byte(answer))
	if reason != "" {
		t.Fatal(reason)
	}
	s := newTestStore(t)
	s.answer(c, nil)
	s.Renew(t.Context())
	nested := struct{ c Credentials }{c}
	values := []any{c, &c, nested, &nested, []Credentials{c}, map[string]any{"c": &c}, s.Current(), s.Store}
	var text bytes.Buffer
	for _, v := range values {
		for _, verb := range "vsqdxXTtpcU" {
			for _, flags := range []string{"", "+", "#"} {
				fmt.Fprintf(&text, "%"+flags+string(verb)+"\n", v)
			}
		}
		fmt.Fprintln(&text, v)
		if b, err := json.Marshal(v); err == nil {
			text.Write(b)
		}
		slog.New(slog.NewTextHandler(&text, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&text, nil)).Info("x", "v", v)
	}
	for _, shown := range []string{secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret)} {
		if strings.Contains(text.String(), shown) {
			t.Errorf("a key is shown as %s in:\n%s", shown, &text)
		}
	}
	if got := fmt.Sprint(c); got != "credentials that expire at 2030-01-02T03:04:05Z" {
		t.Errorf("got %s", got)
	}
	if got := fmt.Sprint(Credentials{}, newCredentials("", "", "", time.Time{})); got != "no credentials credentials that never expire" {
		t.Errorf("got %s", got)
	}
}

func TestExpireBefore(t *testing.T) {
	now := time.Now()
	for _, test := range []struct {
		c    Credentials
		want bool
	}{
		{Credentials{}, true},
		{newCredentials("", "", "", time.Time{}), false},
		{newCredentials("", "", "", now.Add(-1)), true},
		{newCredentials("", "", "", now.Add(1)), false},
	} {
		if got := test.c.expireBefore(now); got != test.want {
			t.Errorf("%v: got %t", test.c, got)
		}
	}
}
