// Package chaos proves, by breaking things, that nothing is lost when R dies. It
// has tests only.
//
// A cell is a fault in a state (matrix_test.go). A seeded scheduler draws cells
// (schedule_test.go), a harness injects each (the interface is in matrix_test.go),
// and after every round the invariants are checked (invariants_test.go) against
// what the emulated Runtime API saw, what the harness saw on both sides of the
// supervisor, and /proc. A cell that never fired fails the suite.
//
//	client ──► emulator ◄── HTTP ── watchedAPI ◄── supervisor ──► watched ──► worker ──► fake R
//	                │                   │                            │                      │
//	                └──── Observe ──────┴──────────► arena ◄─────────┴────── journal ───────┘
//
// The fake R is this test binary, executed again. It is told what to do to itself
// in the event, or, before it is ready, in its environment; and it says so in the
// journal, a named pipe, before it does it.
//
//	go test ./test/chaos -run Chaos                                        each cell once
//	go test ./test/chaos -run ChaosFake -timeout 1h -v -chaos.rounds=20000 -chaos.seed=7
//	go test ./test/chaos -run ChaosFake -v -chaos.cells='SIGKILL,wrong id/busy in handler'
package chaos
