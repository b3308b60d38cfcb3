// Package bench holds the benchmarks whose numbers the documentation quotes. They
// compare two things in one run, turn and turn about, because the machines they run
// on are shared and noisy. Run them with make bench. What a stream may take of memory is
// tested, too.
package bench
