package supervisor

import "context"

// The slots do not begin side by side. R takes all of a CPU to start, so that many at
// once would all be late, and the init is over when the first is ready. The first slot
// begins alone; when its worker is ready, the others do, as many at a time as
// Config.Starting says. What keeps workers from starting at all is so found by the first
// slot, and told once. After its first worker a slot waits for nobody any more: no spawn
// that hangs may hold up another slot's restart.

// awaitTurn waits until a slot may begin. It returns false when ctx ends first.
func (s *Supervisor) awaitTurn(ctx context.Context, slot int) bool {
	if slot == 0 {
		return true
	}
	select {
	case <-s.turns:
		return true
	case <-ctx.Done():
		return false
	}
}

// endTurn lets other slots begin when the slot's first spawn has ended, ready or not.
func (s *slot) endTurn() {
	if s.tookTurn {
		return
	}
	s.tookTurn = true
	n := 1
	if s.number == 0 {
		n = s.Starting
	}
	for range n {
		s.turns <- struct{}{} // it has room for all that are ever sent
	}
}
