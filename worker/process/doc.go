//go:build linux

// Package process supervises one child process of any program. It runs on Linux only.
//
// Package os/exec starts a program and waits for it. This package adds what a supervisor
// needs once the program misbehaves:
//
//   - Death is reported by waitid(2), never inferred from an end of file: a grandchild may
//     hold every pipe open.
//   - Kill kills the whole process group. It cannot hit a stranger that was given the pid of
//     a dead child: the group is killed while the zombie still holds the pid, and nothing
//     is sent after the child has been reaped.
//   - Kill does not wait for death, which takes long if there are gigabytes to free. Ending
//     describes the end of a killed process at once.
//   - Descendants that left the group are found by an environment entry, Options.Marker.
//   - A child that was started dies with this program, even if the program is killed.
//   - Output arrives line by line. Flush delivers what was written before the call, so that
//     output can be attributed to the piece of work that caused it.
//   - The process can send records between its lines, which arrive in order (Options.Record).
//   - ExitError says why the process ended: status or signal, the reason given to Kill, the
//     last lines on standard error, and whether the kernel ran out of memory.
//
// Start runs a command. Adopt takes over a process that something else has forked. After
// that both are used alike.
//
// Each Process has one goroutine that waits for the child's death and reaps it, and one for
// each of its outputs. Wait waits for all of them. Process 1 and a subreaper also have one
// goroutine that reaps orphans as they exit. State that exists once per program is in
// singletons.go.
package process
