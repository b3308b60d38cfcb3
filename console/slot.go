package console

import (
	"time"

	"lambda-r-runtime/supervisor"
)

// A slot is the state of one slot.
type slot struct {
	Slot      int     `json:"slot"`
	State     string  `json:"state"`
	Since     float64 `json:"since"`
	PID       int     `json:"pid"` // of its worker; 0 if it has none
	RSS       int64   `json:"rss"`
	Served    int     `json:"served"`
	Suspended bool    `json:"suspended"`
	Note      string  `json:"note"` // why it is in this state

	seq     uint64
	started bool  // it has had a worker
	span    *span // the one that has not ended
}

// A span is a part of a slot's life: it waits, has a worker, or is about to get one.
type span struct {
	Number uint64  `json:"n"`
	Slot   int     `json:"slot"`
	State  string  `json:"state"`
	From   float64 `json:"from"`
	To     float64 `json:"to"` // 0 if it has not ended
	PID    int     `json:"pid"`
	Note   string  `json:"note"`

	seq uint64
}

// A sample is the memory of a worker at one time.
type sample struct {
	Time float64 `json:"t"`
	Slot int     `json:"slot"`
	PID  int     `json:"pid"`
	RSS  int64   `json:"rss"`

	seq uint64
}

// Observe is the supervisor's Observe.
func (c *Console) Observe(t supervisor.Transition) {
	var r *report
	switch t := t.(type) { // reads files, so the lock is not held
	case supervisor.Failed:
		r = c.newReport(t.Report)
	case supervisor.SpawnFailed:
		r = c.newReport(c.config.Report(t.Err))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch t := t.(type) {
	case supervisor.Spawning:
		if !t.Successor {
			s := c.enter(t.At, 0, "")
			if s.started {
				c.rename(s, "restarting")
			}
		}
	case supervisor.SpawnFailed:
		if !t.Successor {
			c.enter(t.At, 0, r.summary())
		}
		c.failure = failure{Report: r, Slot: t.Slot, Init: t.Init, seq: c.change()}
	case supervisor.Ready:
		c.ready(t)
	case supervisor.Prepared:
		c.enter(t.At, t.PID, "")
	case supervisor.Restored:
		c.enter(t.At, t.PID, "")
	case supervisor.Lost:
		note := "replaced after its deadline"
		if t.Reason != nil {
			note = t.Reason.Error()
		}
		c.enter(t.At, 0, note)
	case supervisor.Recycled:
		if !t.Room {
			c.enter(t.At, 0, "recycled")
		}
	case supervisor.BackingOff:
		c.enter(t.At, 0, "pauses for "+t.Pause.String())
	case supervisor.Draining:
		c.enter(t.At, 0, "")
	default:
		c.observeInvocation(t, r)
	}
}

// ready notes a worker that has become ready.
func (c *Console) ready(t supervisor.Ready) {
	s := c.enter(t.At, t.Stats.PID, "")
	s.RSS, s.Served, s.started = t.Stats.RSS, 0, true
	c.remember(t.Time, t.Slot, t.Stats.PID, t.Stats.RSS)
	info := t.Stats.Ready
	c.init = initFacts{
		RVersion: info.RVersion, Ms: info.InitMs, Slowest: info.Slowest, Took: milliseconds(t.Took), Required: info.Required,
		Durable: info.Durable,
		seq:     c.change(),
	}
	if c.failure.Report != nil {
		c.failure = failure{seq: c.change()}
	}
}

// slot returns a slot, which it makes if it is new. The lock is held.
func (c *Console) slot(number int) *slot {
	s := c.slots[number]
	if s == nil {
		s = &slot{Slot: number}
		c.slots[number] = s
	}
	return s
}

// enter changes the state of a slot, ends its span and begins the next. The lock is held.
func (c *Console) enter(at supervisor.At, pid int, note string) *slot {
	s := c.slot(at.Slot)
	s.State, s.Since, s.Note = at.State.String(), ms(at.Time), note
	if s.PID != pid {
		s.PID, s.RSS, s.Suspended = pid, 0, false
	}
	if s.span != nil {
		s.span.To, s.span.seq = s.Since, c.change()
	}
	n := c.change()
	s.seq = n
	s.span = &span{Number: n, Slot: s.Slot, State: s.State, From: s.Since, PID: pid, Note: note, seq: n}
	c.spans = tail(append(c.spans, s.span), max(maxSpans, 2*c.config.Info.Slots))
	return s
}

// rename gives a state that was just entered another name. The lock is held.
func (c *Console) rename(s *slot, name string) { s.State, s.span.State = name, name }

// busy notes that a slot is busy or no longer is, which does not end the span of its worker. The
// lock is held.
func (c *Console) busy(at supervisor.At) *slot {
	s := c.slot(at.Slot)
	if state := at.State.String(); s.State != state && s.PID != 0 {
		s.State, s.Since = state, ms(at.Time)
	}
	s.seq = c.change()
	return s
}

// remember notes the memory of a worker, if it has changed. The lock is held.
func (c *Console) remember(at time.Time, number, pid int, rss int64) {
	s := c.slot(number)
	if rss == 0 || s.PID != pid {
		return
	}
	if s.RSS == rss && len(c.samples) > 0 {
		return
	}
	s.RSS, s.seq = rss, c.change()
	c.samples = tail(append(c.samples, sample{ms(at), number, pid, rss, c.change()}), maxSamples)
}

// measure notes the memory of all workers.
func (c *Console) measure() {
	all := c.config.Memory()
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range all {
		c.remember(now, m.Slot, m.PID, m.RSS)
	}
}

// suspended notes that a worker was suspended or continued.
func (c *Console) suspended(number, pid int, yes bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.slot(number); s.PID == pid {
		s.Suspended, s.seq = yes, c.change()
	}
}
