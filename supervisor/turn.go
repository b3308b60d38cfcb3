package supervisor

import "context"

// Slots do not start all at once. Starting R saturates a CPU, so starting many together
// would delay every one of them, and the init is over when the first is ready. The first
// slot starts alone; when its worker is ready the others do, as many at a time as there are
// CPUs. A fault that stops every worker from starting is therefore found by the first slot,
// and reported once. After its first worker a slot waits for no other, so a spawn that
// hangs does not delay another slot's restart.

// awaitTurn waits until a slot may begin. It returns false if ctx ends first.
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

// endTurn lets other slots begin, once the slot's first spawn has ended, ready or not.
func (s *slot) endTurn() {
	if s.tookTurn {
		return
	}
	s.tookTurn = true
	n := 1
	if s.number == 0 {
		n = s.sup.starting
	}
	for range n {
		s.sup.turns <- struct{}{} // it has room for all that are ever sent
	}
}
