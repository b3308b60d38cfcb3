// Package supervisor keeps warm workers and gives them invocations. It decides when a worker
// is spawned, when the Runtime API is asked for an invocation, how long a handler may run,
// and what becomes of each failure. It moves no bytes to R and starts no process itself.
//
// A Supervisor has N slots, and a slot is the place of one worker:
//
//	┌─────────┐  turn  ┌──────────┐     no pause, or pause over      ┌─────────┐
//	│ waiting │───────►│ spawning │◄─────────────────────┬───────────│ backoff │
//	└─────────┘        └──────────┘                      │           └─────────┘
//	                     │      │ not ready              │                ▲
//	    ┌────────────────┤      └───────────────┐        │                │ pause
//	    │ before a       │ ready                │        │                │
//	    ▼ snapshot       ▼                      ▼        │                │
//	┌────────┐ restore ┌─────────┐  died   ┌──────────┐  │                │
//	│prepared│────────►│  ready  │────────►│  reaped  │──┴────────────────┘
//	└────────┘         └─────────┘         └──────────┘
//	          dispatched │     ▲ answered       ▲
//	                     ▼     │                │
//	                   ┌─────────┐              │ died, stopped at its deadline,
//	                   │  busy   │──────────────┘ broke the protocol
//	                   └─────────┘
//
//	a prepared worker that dies is reaped, too
//	a shutdown, or another slot's fatal error, leads from every state to draining
//
// A worker that is due for recycling stays ready or busy while its successor is spawned,
// which then takes its place. If it is lost meanwhile, the slot is spawning at once. A worker that
// must not serve again leaves the slot at once instead; see Recycling.
//
// A poll is an offer to work: a slot polls only while it has a ready worker, so nothing
// waits behind a dead R. If the worker dies while a poll is open, the poll stays open,
// because cancelling it could lose an event. An event that arrives before the next worker
// is ready is held until then, or until its deadline is near.
//
// Slots share five things, all in Supervisor: whether a worker was ever ready, whether the
// init failed, how many slots have given up, the turns in which they start (turn.go), and with
// SnapStart how far the snapshot is (snapstart.go).
//
// Run waits for every goroutine:
//
//	goroutine  one for each       owns                     ends when                 waited for by
//	run        slot               the slot's fields        shutdown, fatal error     Run
//	spawn      worker to be       its result, until run    the worker is ready or    the slot's run
//	                              receives that            not
//	poll       open poll          its result, likewise     /next answers or is       the slot's run
//	                                                       cancelled
//	await-     supervisor with    the call of              /restore/next is          Run
//	Restore    SnapStart          /restore/next            answered, or cancelled
//	reaping    worker that left   that worker              it is reaped and its      the next spawn, or
//	           the slot                                    files are closed          the slot's run
//
// File descriptors belong to the worker and to the client of the Runtime API. A Worker's
// methods are called by the slot's run, except for Interrupt, InterruptGroup and Kill (timers
// of a deadline and of the drain limit), Shutdown (reaping) and Enter, which the spawn calls
// before run has the worker.
package supervisor
