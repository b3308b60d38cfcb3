// Package worker is the mechanism of one R process: it is spawned, says that it
// is ready, takes one invocation at a time, can be interrupted and killed, and
// is reaped. It never restarts anything; that is policy, and supervisor's.
//
// Who owns what, for each process:
//
//   - bootstrap's ends of the request pipe (R's fd 3) and the reply pipe (R's fd
//     4) belong to the goroutine that calls Invoke;
//   - one goroutine each pumps R's standard output and standard error into the
//     log, line by line, for as long as the process lives;
//   - one goroutine waits for the process to exit. It alone reaps, and only it
//     closes the channel that Done returns. Death is what it sees, never an end
//     of file: a child of R's system() may hold a copy of every pipe.
//
// Close waits for all of them.
package worker
