package runtimeapi

import (
	"testing"
	"testing/synctest"
	"time"
)

// The wait for an event leaves time for its report.
func TestEventTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for left, want := range map[time.Duration]time.Duration{
			15 * time.Minute:       15*time.Minute - 250*time.Millisecond,
			3 * time.Second:        2750 * time.Millisecond,
			100 * time.Millisecond: 50 * time.Millisecond,
			0:                      time.Second,
			-time.Hour:             time.Second,
		} {
			if got := eventTime(time.Now().Add(left)); got != want {
				t.Errorf("with %s left: %s, want %s", left, got, want)
			}
		}
		if got := eventTime(time.Time{}); got != 30*time.Second {
			t.Errorf("without a deadline: %s, want 30s", got)
		}
	})
}
