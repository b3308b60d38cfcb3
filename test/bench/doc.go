// Package bench contains the benchmarks whose numbers the documentation quotes; make bench runs
// them. They compare two things alternately in one run, because the machines are shared and noisy.
// The memory that a stream uses is tested as well.
package bench
