package supervisor

// A State is where a slot is in its life; doc.go has the diagram.
//
// Two facts are independent of it, because a worker may die while a poll is open: whether
// a poll of /next is open, and whether the slot holds an invocation that waits for a worker.
type State int

const (
	StateWaiting  State = iota // has not begun: it waits for its turn, see turn.go
	StateSpawning              // has no worker, and one is being started
	StatePrepared              // with SnapStart: its worker waits for the restore
	StateReady                 // its worker waits for an invocation
	StateBusy                  // its worker runs one
	StateReaped                // lost its worker, which is dead or being killed
	StateBackoff               // pauses before it spawns the next worker
	StateDraining              // a shutdown began: it reports what it holds and ends its worker
)

var stateNames = [...]string{"waiting", "spawning", "prepared", "ready", "busy", "reaped", "backoff", "draining"}

func (s State) String() string { return stateNames[s] }
