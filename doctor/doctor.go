// Package doctor examines a machine, or an image while it is built. It reports whether R
// functions will run there in Lambda, and how to fix what keeps them from it.
package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"lambda-r-runtime/worker"
)

const mb = 1 << 20

// Config says what to examine.
type Config struct {
	Getenv func(string) string

	// Worker is the configuration of bootstrap's workers. Without a Bin, everything that
	// needs R is left out. Without a Handler, none is loaded. Examine sets Timing, Log and
	// OnRecord.
	Worker    worker.Config
	NoHandler string // why there is no handler
	SnapStart bool   // take the handler through the phases of SnapStart

	// Fork decides whether workers are forked, and returns the reason. Workers is how many the
	// function has; the decision is reported for one, too.
	Fork    func(ForkCase) (fork bool, reason string)
	Workers int

	InitTimeout time.Duration
	Explain     func(error) string // formats an error for people
	Report      func(Finding)      // called with each finding
}

// Examine examines the machine and reports whether nothing failed. If ctx ends, it kills
// the R processes that it started.
func Examine(ctx context.Context, c Config) (healthy bool) {
	e := &examination{Config: c}
	var r rFacts
	if c.Worker.Bin != "" {
		r = e.r(ctx)
	}
	e.proc()
	e.temp()
	e.disk()
	e.user()
	e.home()
	e.zone()
	if r.home != "" {
		e.locale(r)
	}
	e.memory()
	if r.home != "" {
		e.libraries(r)
		e.handler(ctx, r.libPaths)
	}
	return !e.failed
}

// An examination is one run of Examine.
type examination struct {
	Config
	failed bool
}

func (e *examination) ok(subject, format string, args ...any) {
	e.report(OK, subject, format, args)
}

func (e *examination) warn(subject, format string, args ...any) {
	e.report(Warn, subject, format, args)
}

func (e *examination) fail(subject, format string, args ...any) {
	e.report(Fail, subject, format, args)
}

func (e *examination) report(level Level, subject, format string, args []any) {
	e.failed = e.failed || level == Fail
	e.Report(Finding{level, subject, strings.TrimSpace(fmt.Sprintf(format, args...))})
}

// env returns a variable of R's environment.
func (e *examination) env(name string) string { return worker.Lookup(e.Worker.Env, name) }
