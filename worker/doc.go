// Package worker runs one R process: it spawns the process, waits until R is ready, passes it
// one invocation at a time, interrupts it, kills it and shuts it down. It never restarts one;
// that is policy, and the supervisor's.
//
// Package worker/process supervises the process itself, which need not be R. The goroutines and
// file descriptors of one worker:
//
//   - The goroutine that calls Invoke or Enter owns bootstrap's ends of the request pipe (R's fd 3)
//     and of the reply pipe (R's fd 4).
//   - The process has two goroutines that read R's standard output and standard error, and one
//     that waits for R's death and reaps it. Death is never inferred from an end of file,
//     because a child of R's system() may hold a copy of every pipe.
//   - One goroutine, bury, waits for the process and then ends an Invoke that still waits for R.
//
// Shutdown waits for all of them.
//
// A worker is started (Spawn) or forked from an R that has loaded the handler (Template.Fork).
// After that both are the same.
package worker
