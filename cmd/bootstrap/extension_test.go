package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// A registration that hangs delays the first event by a millisecond; one that is there
// by no time at all.
func TestRegistrationDelaysNoEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registered := make(chan struct{})
		begin := time.Now()
		(&registeredAPI{registered: registered}).await(context.Background())
		if took := time.Since(begin); took != time.Millisecond {
			t.Errorf("it waited %s, want 1 ms", took)
		}
		close(registered)
		begin = time.Now()
		(&registeredAPI{registered: registered}).await(context.Background())
		if took := time.Since(begin); took != 0 {
			t.Errorf("it waited %s for what was there", took)
		}
	})
}
