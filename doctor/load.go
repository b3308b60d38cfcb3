package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
	"lambda-r-runtime/supervisor"
	"lambda-r-runtime/worker"
)

// maxInit is Lambda's limit for the init of an on-demand function. After that Lambda starts
// the init again as part of the first invocation ("Understanding the Lambda execution
// environment lifecycle").
const maxInit = 10 * time.Second

// nearLimit is the share of the memory above which R alone, after its init, is too large.
const nearLimit = 0.8

// At most maxTimed calls are reported that took leastTimed or longer.
const (
	maxTimed   = 20
	leastTimed = time.Millisecond
)

// handler loads the handler in a worker and reports what that took. LibPaths are the
// folders with R's packages.
func (e *examination) handler(ctx context.Context, libPaths []string) {
	if e.Worker.Handler == "" {
		e.ok("handler", "%s", e.NoHandler)
		return
	}
	var mu sync.Mutex // a child of the handler's file can make records at any time
	var records []protocol.Record
	c := e.Worker
	c.Timing, c.Log = true, slog.New(slog.DiscardHandler)
	c.OnRecord = func(r protocol.Record) {
		mu.Lock()
		defer mu.Unlock()
		records = append(records, r)
	}
	loaded := func() []protocol.Record {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(records)
	}
	spawning, cancel := context.WithTimeoutCause(ctx, e.InitTimeout, &supervisor.InitTimeoutError{Limit: e.InitTimeout})
	defer cancel()
	started := time.Now()
	w, err := worker.Spawn(spawning, c)
	took := time.Since(started)
	if err != nil {
		text := e.Explain(err)
		if failed, ok := errors.AsType[*protocol.HandlerError](err); ok && failed.Type == runtimeapi.ErrorImportModule {
			text += "\ninstall the package in the image, where R looks: " + strings.Join(libPaths, ", ")
		}
		e.fail("handler", "%s", text)
		e.records(loaded())
		return
	}
	defer func() { // frees what is left of it
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), supervisor.DrainLimit)
		defer cancel()
		w.Shutdown(stopping)
	}()
	e.ok("handler", "%s was loaded", c.Handler)
	e.durable(w.Info())
	e.init(took, w.Info())
	e.records(loaded())
	e.used(w.PeakRSS())
	e.fork(ctx, c, w, took)
	if e.SnapStart {
		e.snapStart(ctx, spawning, w, took)
	}
}

// init reports how long R took to become ready, and which packages took most of it.
func (e *examination) init(took time.Duration, ready protocol.Ready) {
	text := fmt.Sprintf("%s, of which R and the runtime took %s and the handler's file %s",
		duration(took), duration(took-milliseconds(ready.InitMs)), duration(milliseconds(ready.InitMs)))
	var slowest []string
	for _, load := range ready.Slowest {
		slowest = append(slowest, fmt.Sprintf("%s %s of %s", load.Package, duration(milliseconds(load.Ms)), duration(took)))
	}
	if len(slowest) > 0 {
		text += ": " + strings.Join(slowest, "; ")
	}
	if took > maxInit {
		e.warn("init", "%s: Lambda ends an init after %s and repeats it during the first invocation: load less, "+
			"load what few events need when they come, or use provisioned concurrency", text, maxInit)
		return
	}
	e.ok("init", "%s", text)
}

// durable reports what a function needs whose handler is durable.
func (e *examination) durable(ready protocol.Ready) {
	if !ready.Durable {
		return
	}
	e.ok("durable", "the handler is durable. The function needs DurableConfig, which only a new function can be given; a role with the policy "+
		"AWSLambdaBasicDurableExecutionRolePolicy; and callers that name a version, an alias or $LATEST")
}

// used compares the most memory that R has used, in bytes, with the limit.
func (e *examination) used(rss int64) {
	limit, source := e.limit()
	switch {
	case limit == 0:
		e.ok("memory", "R used %d MB to load the handler", rss/mb)
	case float64(rss) > nearLimit*float64(limit):
		e.warn("memory", "R used %d MB of %d MB (%s) to load the handler: give the function more", rss/mb, limit/mb, source)
	default:
		e.ok("memory", "R used %d MB of %d MB to load the handler", rss/mb, limit/mb)
	}
}

// records reports the slowest calls of the load, and R's warnings. The time of a call
// includes the calls that it made.
func (e *examination) records(records []protocol.Record) {
	var timed []protocol.Record
	var warnings []string
	for _, r := range records {
		level, _ := protocol.ParseLevel(r.Level) // an unknown level is not a warning
		switch {
		case r.Load != nil:
			timed = append(timed, r)
		case level >= slog.LevelWarn:
			warnings = append(warnings, r.Message)
		}
	}
	slices.SortStableFunc(timed, func(a, b protocol.Record) int { return cmp.Compare(b.Load.Ms, a.Load.Ms) })
	for _, r := range timed[:min(maxTimed, len(timed))] {
		took := milliseconds(r.Load.Ms)
		if took < leastTimed {
			break
		}
		at := ""
		if r.Load.At != "" {
			at = " (" + r.Load.At + ")"
		}
		e.ok("init", "%s in %s%s", duration(took), r.Call, at)
	}
	for _, text := range warnings {
		e.warn("init", "loading the handler prints a warning, which each new worker logs:\n%s", text)
	}
}

func milliseconds(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

// duration formats a duration for people: 1.9 s, 87 ms.
func duration(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
