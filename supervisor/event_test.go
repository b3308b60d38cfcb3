package supervisor

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lambda-r-runtime/protocol"
)

// observed makes the rig keep its events, and returns how to read them.
func (r *rig) observed() func() []Event {
	var mu sync.Mutex
	var events []Event
	r.Observe = func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, e)
	}
	return func() []Event {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(events)
	}
}

// story is what happened: the kind, the invocation, its error and the time it took.
func story(events []Event) []string {
	kinds := map[EventKind]string{WorkerReady: "ready", WorkerLost: "lost", WorkerRecycled: "recycled", InvocationReported: "reported"}
	var lines []string
	for _, e := range events {
		line := kinds[e.Kind]
		if e.Invocation != nil {
			line += " " + e.Invocation.ID
		}
		if e.Error != nil {
			line += " " + e.Error.Type
		}
		if e.Took > 0 {
			line += fmt.Sprint(" ", e.Took)
		}
		lines = append(lines, line)
	}
	return lines
}

// Whoever observes hears of every spawn, loss and report, once each and in order.
func TestObserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, takes(time.Second))
		events := r.observed()
		r.spawn = func(context.Context, int, *fakeWorker) error {
			<-time.After(300 * time.Millisecond) // in fake time
			return nil
		}
		r.run().after(300 * time.Millisecond)
		r.send("a", 3*time.Second)
		r.after(time.Second).answered("a")
		r.send("late", 500*time.Millisecond)
		r.after(time.Second).failed("late", "Runtime.InvocationTimeout")
		r.worker(2).die()
		r.after(time.Second)
		want := []string{
			"ready 300ms", "reported a 1s",
			"lost", "reported late Runtime.InvocationTimeout 400ms", "ready 300ms",
			"lost", "ready 300ms",
		}
		if got := story(events()); !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		if got := events()[1]; got.Worker != Worker(r.worker(1)) || got.Slot != 0 {
			t.Errorf("reported of worker %v in slot %d", got.Worker, got.Slot)
		}
	})
}

func TestObserveRecycling(t *testing.T) {
	for name, room := range map[string]bool{"with room": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, echo).recycling(1, room)
				events := r.observed()
				r.run().serve("a")
				r.after(time.Second)
				got := story(events())
				slices.Sort(got) // with room, the successor comes while the report is made
				if want := []string{"ready", "ready", "recycled", "reported a"}; !slices.Equal(got, want) {
					t.Errorf("got %q, want %q", got, want)
				}
			})
		})
	}
}

// A tenant's errors are logged as such.
func TestLogOfTenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(*fakeWorker, protocol.Invoke, []byte) ([]byte, error) {
			return nil, &protocol.HandlerError{Type: "simpleError", Message: "no"}
		})
		r.run()
		inv := event("id", 0)
		inv.TenantID = "blue"
		r.api.events <- inv
		r.after(0)
		if records := r.logs.find(t, "invocation error"); len(records) != 1 || records[0]["tenant_id"] != "blue" {
			t.Errorf("logged %v", records)
		}
	})
}
