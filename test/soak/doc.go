// Package soak runs bootstrap local with real R for long, under a mix of invocations, and fails if
// something drifts: memory, file descriptors, goroutines, temporary files, processes or latency.
// docs/reliability.md has the thresholds.
package soak
