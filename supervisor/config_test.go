package supervisor

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestNewRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(c *Config)
		want   string
	}{
		{"no API", func(c *Config) { c.API = nil }, "API"},
		{"no Spawn", func(c *Config) { c.Spawn = nil }, "Spawn"},
		{"no Log", func(c *Config) { c.Log = nil }, "Log"},
		{"no slot", func(c *Config) { c.Slots = 0 }, "slots"},
		{"fewer than no slots", func(c *Config) { c.Slots = -1 }, "-1 slots"},
		{"no init timeout", func(c *Config) { c.InitTimeout = 0 }, "InitTimeout"},
		{"negative init timeout", func(c *Config) { c.InitTimeout = -time.Second }, "InitTimeout"},
		{"negative margin", func(c *Config) { c.Margin = -time.Second }, "Margin"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newRig(t, echo).Config
			test.change(&c)
			s, err := New(c)
			if err == nil || s != nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("New: %v, %v; want an error about %q", s, err, test.want)
			}
		})
	}
}

func TestNewStartsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo)
		if _, err := New(r.Config); err != nil {
			t.Fatal(err)
		}
		r.after(time.Minute)
		if n := len(r.spawns()); n != 0 {
			t.Errorf("%d spawns before Run", n)
		}
	})
}
