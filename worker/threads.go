package worker

import (
	"context"
	"maps"
	"slices"
	"strings"

	"lambda-r-runtime/protocol"
)

// threadVariables are the variables that set the number of threads of linear algebra libraries.
var threadVariables = []string{"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"}

// SingleThreaded returns env, made by Environment, with one thread for each library, and the numbers
// that it has replaced: nil if all are 1. An R must load its handler with one thread to be forked: see
// Template.
func SingleThreaded(env []string) (single []string, threads map[string]string) {
	threads = map[string]string{}
	for _, entry := range env {
		name, value, _ := strings.Cut(entry, "=")
		if slices.Contains(threadVariables, name) {
			threads[name] = value
			entry = name + "=1"
		}
		single = append(single, entry)
	}
	if !slices.ContainsFunc(slices.Collect(maps.Values(threads)), func(n string) bool { return n != "1" }) {
		threads = nil
	}
	return single, threads
}

// SetThreads gives an R that has loaded its handler with one thread, and has served nothing, its
// numbers of threads. It does nothing if threads is nil. Ctx and the errors are those of Enter.
func (w *Worker) SetThreads(ctx context.Context, threads map[string]string) error {
	if threads == nil {
		return nil
	}
	_, err := w.within(ctx, protocol.Threads{Type: protocol.TypeThreads, Threads: threads})
	return err
}
