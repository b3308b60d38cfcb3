package chaos

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"lambda-r-runtime/supervisor"
)

// follows are the states that may follow a state, as the diagram in supervisor/doc.go has them. A
// worker that is lost while its successor is spawned leads to spawning at once. Every state may
// lead to draining.
var follows = map[supervisor.State][]supervisor.State{
	supervisor.StateWaiting:  {supervisor.StateSpawning},
	supervisor.StateSpawning: {supervisor.StateReady, supervisor.StatePrepared, supervisor.StateReaped},
	supervisor.StatePrepared: {supervisor.StateReady, supervisor.StateReaped},
	supervisor.StateReady:    {supervisor.StateBusy, supervisor.StateReaped, supervisor.StateSpawning},
	supervisor.StateBusy:     {supervisor.StateReady, supervisor.StateReaped, supervisor.StateSpawning},
	supervisor.StateReaped:   {supervisor.StateSpawning, supervisor.StateBackoff},
	supervisor.StateBackoff:  {supervisor.StateSpawning},
	supervisor.StateDraining: {},
}

// observeTransition is the supervisor's Observe. It checks half of invariant 9, that states follow
// the diagram, and counts for the other half.
func (a *arena) observeTransition(t supervisor.Transition) {
	at := reflect.ValueOf(t).FieldByName("At").Interface().(supervisor.At) // each transition embeds it
	a.Update(func() {
		s := &a.slots[at.Slot]
		if at.State != s.state && at.State != supervisor.StateDraining && !slices.Contains(follows[s.state], at.State) {
			a.violate(inv9, "slot %d is %v after it was %v: %T", at.Slot, at.State, s.state, t)
		}
		s.state = at.State
		switch t := t.(type) {
		case supervisor.Received:
			a.trip(t.Invocation.ID).received++
		case supervisor.Lost:
			if a.lost[t.PID]++; a.lost[t.PID] > 1 {
				a.violate(inv9, "worker %d was lost %d times", t.PID, a.lost[t.PID])
			}
		case supervisor.Reported:
			a.trip(t.Invocation.ID).over++
		}
	})
}

// Each state of the matrix is the state of a slot; for a busy one, with the place in the invocation.
func TestChaosStates(t *testing.T) {
	var names []string
	for s := range follows {
		names = append(names, s.String())
	}
	for _, s := range states {
		name, place, _ := strings.Cut(string(s), " ")
		if !slices.Contains(names, name) || (name == supervisor.StateBusy.String()) != (place != "") {
			t.Errorf("%q is not one of the states %q", s, names)
		}
	}
}
