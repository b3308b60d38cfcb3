// Package doctor examines a machine, or an image while it is built: whether R functions
// will run on it in Lambda, and what to do where they will not.
package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"lambda-r-runtime/worker"
)

// Config says what is examined.
type Config struct {
	Getenv func(string) string

	// Worker is how bootstrap makes an R process: its environment and its folders, R
	// itself, and the handler. Without a Bin there is no R, and all that needs one is
	// left out; without a Handler none is loaded. Timing and Log are the examination's own.
	Worker    worker.Config
	NoHandler string // why there is no handler

	InitTimeout time.Duration
	Explain     func(error) string // makes text for people of an error
	Report      func(Finding)      // is told of each finding, as it is found
}

// Examine examines the machine and reports whether nothing failed. Ctx ends the R
// processes that it starts.
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

func (e *examination) ok(subject, format string, args ...any)   { e.say(OK, subject, format, args) }
func (e *examination) warn(subject, format string, args ...any) { e.say(Warn, subject, format, args) }
func (e *examination) fail(subject, format string, args ...any) { e.say(Fail, subject, format, args) }

func (e *examination) say(level Level, subject, format string, args []any) {
	e.failed = e.failed || level == Fail
	e.Report(Finding{level, subject, strings.TrimSpace(fmt.Sprintf(format, args...))})
}

// env returns a variable of R's environment, where the last of one name counts.
func (e *examination) env(name string) string {
	found := ""
	for _, entry := range e.Worker.Env {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			found = value
		}
	}
	return found
}
