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

// maxInit is how long Lambda lets an init of an on-demand function take. Then it begins
// anew, with the first invocation, and counts as a part of that ("Understanding the Lambda
// execution environment lifecycle").
const maxInit = 10 * time.Second

// maxClose is how long shutdown hooks may take.
const maxClose = 400 * time.Millisecond

// nearLimit is the share of the memory above which R alone, after its init, is too large.
const nearLimit = 0.8

// handler loads the handler in a worker, and says what that took. Packages are in libPaths.
func (e *examination) handler(ctx context.Context, libPaths []string) {
	if e.Worker.Handler == "" {
		e.ok("handler", "%s", e.NoHandler)
		return
	}
	log := &initLog{}
	c := e.Worker
	c.Log, c.Timing = slog.New(log), true
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
		log.report(e)
		return
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxClose)
		defer cancel()
		w.Shutdown(closing)
	}()
	e.ok("handler", "%s was loaded", c.Handler)
	e.init(took, w.Info())
	log.report(e)
	e.used(w.PeakRSS())
}

// init says how long it took until R was ready, and which packages that was.
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
		e.warn("init", "%s: Lambda ends an init after %s and begins it anew in the first invocation's time: load less, load what few events need when they come, or use provisioned concurrency", text, maxInit)
		return
	}
	e.ok("init", "%s", text)
}

// used compares the most memory that R has had, in bytes, with what there is.
func (e *examination) used(rss int64) {
	limit, what := e.limit()
	switch {
	case limit == 0:
		e.ok("memory", "R has used %d MB to load the handler", rss/mb)
	case float64(rss) > nearLimit*float64(limit):
		e.warn("memory", "R has used %d MB of %d MB (%s) to load the handler: give the function more", rss/mb, limit/mb, what)
	default:
		e.ok("memory", "R has used %d MB of %d MB to load the handler", rss/mb, limit/mb)
	}
}

// An initLog is the log of the worker that loads the handler.
type initLog struct {
	mu    sync.Mutex
	calls []timedCall
	said  []string // warnings and worse
}

// A timedCall is a call of library() or source(), or of their like.
type timedCall struct {
	call, at string // as R says it; at is file:line
	took     time.Duration
}

// maxCalls is how many calls are reported at most, and leastCall how long each of them
// took at least.
const (
	maxCalls  = 20
	leastCall = time.Millisecond
)

// report reports the calls that took longest, and what R complained of. A call's time has
// in it that of those that it made.
func (l *initLog) report(e *examination) {
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.SortStableFunc(l.calls, func(a, b timedCall) int { return cmp.Compare(b.took, a.took) })
	for _, c := range l.calls[:min(maxCalls, len(l.calls))] {
		if c.took < leastCall {
			break
		}
		at := ""
		if c.at != "" {
			at = " (" + c.at + ")"
		}
		e.ok("init", "%s in %s%s", duration(c.took), c.call, at)
	}
	for _, text := range l.said {
		e.warn("init", "R warns while the handler is loaded, and for each worker into the log:\n%s", text)
	}
}

// Enabled is true: all records are wanted, as those that have times are of level debug.
func (l *initLog) Enabled(context.Context, slog.Level) bool { return true }

// Handle keeps what report reports.
func (l *initLog) Handle(_ context.Context, r slog.Record) error {
	attrs := map[string]slog.Value{}
	r.Attrs(func(a slog.Attr) bool {
		attrs[a.Key] = a.Value
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	if ms, ok := attrs["took_ms"]; ok && r.Level == slog.LevelDebug && ms.Kind() == slog.KindFloat64 {
		call := timedCall{call: attrs["call"].String(), took: milliseconds(ms.Float64())}
		if at, ok := attrs["at"]; ok {
			call.at = at.String()
		}
		l.calls = append(l.calls, call)
	} else if r.Level >= slog.LevelWarn {
		l.said = append(l.said, r.Message)
	}
	return nil
}

// WithAttrs returns the same log, whose records are all of one worker.
func (l *initLog) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup returns the same log.
func (l *initLog) WithGroup(string) slog.Handler { return l }

func milliseconds(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

// duration is a duration for people: 1.9 s, 87 ms.
func duration(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
