// Package chaos breaks workers on purpose and checks that no invocation is lost. It contains only
// tests.
//
// A cell is a fault in a state (matrix_test.go). A seeded scheduler draws cells
// (schedule_test.go), and a harness injects each (the interface is in matrix_test.go). After every
// round the invariants are checked (invariants_test.go) against the calls of the Runtime API, the
// calls on both sides of the supervisor, its transitions, and /proc. A cell that never fired fails
// the suite.
//
//	client ──► emulator ◄── HTTP ── watchedAPI ◄── supervisor ──► watched ──► worker ──► fake R
//	                │                   │               │            │                      │
//	                └──── Observe ──────┴─────────────► arena ◄──────┴────── journal ───────┘
//
// Both harnesses run with spawned workers and with forked ones. A fake that is a template forks by
// executing itself again, from a process that exits; everything that bootstrap can see is as with R. The
// fakes test worker.Template and worker/process. How cmd/bootstrap uses a template, and what a forked R
// inherits, is tested with real R.
//
// The fake R is this test binary, executed again. The event says which fault to inject into
// itself; a fault before it is ready comes in its environment. It writes the fault to the journal,
// a named pipe, and then injects it.
//
//	go test ./test/chaos -run Chaos                                        each cell once
//	go test ./test/chaos -run ChaosFake -timeout 1h -v -chaos.rounds=20000 -chaos.seed=7
//	go test ./test/chaos -run 'ChaosFake$' -v -chaos.cells='SIGKILL,wrong id/busy in handler'
package chaos
