package main

import (
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"lambda-r-runtime/protocol/runtimeapi"
)

// defaultInitTimeout is Lambda's longest limit for an init, the one of Managed
// Instances and of provisioned concurrency, so that ours never comes first.
const defaultInitTimeout = 130 * time.Second

// config is what the environment says. Where a setting is absent it has the default.
type config struct {
	handler        string
	taskRoot       string
	workers        int // LAMBDA_R_WORKERS; 0: not set
	maxConcurrency int // AWS_LAMBDA_MAX_CONCURRENCY; 0: not set, or no use
	initTimeout    time.Duration
	margin         time.Duration
	maxInvocations int   // LAMBDA_R_MAX_INVOCATIONS; 0: no limit
	maxRSS         int64 // LAMBDA_R_MAX_RSS, bytes; 0: no limit
	memory         int64 // AWS_LAMBDA_FUNCTION_MEMORY_SIZE, bytes; 0: not known
	sigterm        bool  // LAMBDA_R_SIGTERM: be told before Lambda ends this environment
	logLevel       slog.Level
	logJSON        bool
	metrics        bool // LAMBDA_R_METRICS
}

// A settingError reports a setting that cannot be understood.
type settingError struct {
	name, value, want string
}

func (e *settingError) Error() string {
	return fmt.Sprintf("%s is %q: want %s", e.name, e.value, e.want)
}

// ErrorType is the name under which the Runtime API hears of it.
func (e *settingError) ErrorType() string { return runtimeapi.ErrorInvalidConfiguration }

// A noHandlerError reports that nobody said what to serve.
type noHandlerError struct{}

func (noHandlerError) Error() string {
	return "no handler given: want file.function, for example functions.parity for the function parity in functions.R, as the first argument or in _HANDLER"
}

// ErrorType is the name under which the Runtime API hears of it.
func (noHandlerError) ErrorType() string { return runtimeapi.ErrorMalformedHandler }

func inLambda(getenv func(string) string) bool { return getenv("AWS_LAMBDA_RUNTIME_API") != "" }

// onManagedInstances reports whether this is a function on Lambda Managed Instances.
func onManagedInstances(getenv func(string) string) bool {
	return strings.EqualFold(getenv("AWS_LAMBDA_INITIALIZATION_TYPE"), "lambda-managed-instances")
}

// readConfig reads the environment. With an error it still returns what is needed
// to log it.
func readConfig(args []string, getenv func(string) string) (config, error) {
	c := config{
		taskRoot:    getenv("LAMBDA_TASK_ROOT"),
		initTimeout: defaultInitTimeout,
		margin:      250 * time.Millisecond,
	}
	var failed error
	setting := func(name, want string, parse func(value string) bool) {
		if value := getenv(name); value != "" && !parse(value) && failed == nil {
			failed = &settingError{name, value, want}
		}
	}
	duration := func(to *time.Duration) func(string) bool {
		return func(value string) bool {
			d, err := time.ParseDuration(value)
			*to = d
			return err == nil && d > 0
		}
	}
	// LOG_LEVEL comes last: it is the function's own, AWS_LAMBDA_LOG_LEVEL the platform's.
	for _, name := range []string{"AWS_LAMBDA_LOG_LEVEL", "LOG_LEVEL"} {
		setting(name, "trace, debug, info, warn, error or fatal", func(value string) bool {
			level, ok := parseLevel(value)
			c.logLevel = level
			return ok
		})
	}
	setting("AWS_LAMBDA_LOG_FORMAT", "Text or JSON", func(value string) bool {
		c.logJSON = strings.EqualFold(value, "json")
		return c.logJSON || strings.EqualFold(value, "text")
	})
	if onManagedInstances(getenv) {
		c.logJSON = true // there they have no other
	}
	setting("LAMBDA_R_WORKERS", "a whole number from 1 to 1000", func(value string) bool {
		n, err := strconv.Atoi(value)
		c.workers = n
		return err == nil && n >= 1 && n <= 1000
	})
	setting("LAMBDA_R_INIT_TIMEOUT", "a duration, for example 30s", duration(&c.initTimeout))
	setting("LAMBDA_R_DEADLINE_MARGIN", "a duration, for example 250ms", duration(&c.margin))
	setting("LAMBDA_R_MAX_INVOCATIONS", "a whole number of at least 1", func(value string) bool {
		n, err := strconv.Atoi(value)
		c.maxInvocations = n
		return err == nil && n >= 1
	})
	setting("LAMBDA_R_MAX_RSS", "a size in MB or GB, for example 400MB", func(value string) bool {
		n, ok := parseSize(value)
		c.maxRSS = n
		return ok
	})
	setting("LAMBDA_R_SIGTERM", "true or false", func(value string) bool {
		b, err := strconv.ParseBool(value)
		c.sigterm = b
		return err == nil
	})
	setting("LAMBDA_R_METRICS", "true or false", func(value string) bool {
		b, err := strconv.ParseBool(value)
		c.metrics = b
		return err == nil
	})
	setting("LAMBDA_R_SIMPLIFY", "true or false", func(value string) bool { // R reads it
		return strings.EqualFold(value, "true") || strings.EqualFold(value, "false")
	})
	if mb, err := strconv.ParseInt(getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), 10, 64); err == nil && mb > 0 {
		c.memory = mb << 20 // Lambda's own, like the next
	}
	if n, err := strconv.Atoi(getenv("AWS_LAMBDA_MAX_CONCURRENCY")); err == nil && n >= 1 {
		c.maxConcurrency = n // Lambda's own: one that makes no sense counts as absent
	}
	if c.taskRoot == "" {
		c.taskRoot = "."
	} else if info, err := os.Stat(c.taskRoot); (err != nil || !info.IsDir()) && failed == nil {
		failed = &settingError{"LAMBDA_TASK_ROOT", c.taskRoot, "an existing folder"}
	}
	switch {
	case len(args) > 1 && failed == nil:
		failed = fmt.Errorf("one handler at a time: what is %q?", args[1])
	case len(args) > 0:
		c.handler = args[0]
	default:
		c.handler = getenv("_HANDLER")
	}
	if c.handler == "" && failed == nil {
		failed = noHandlerError{}
	}
	return c, failed
}

// lambdaSlots is how many workers run inside Lambda: one, since Lambda gives one
// event at a time; on Managed Instances as many as it may give at once, or fewer
// where LAMBDA_R_WORKERS says so.
func (c *config) lambdaSlots() int {
	slots := max(1, c.maxConcurrency)
	if c.workers > 0 {
		slots = min(slots, c.workers)
	}
	return slots
}

// parseSize returns the bytes of a size like 400MB.
func parseSize(text string) (int64, bool) {
	for suffix, unit := range map[string]int64{"MB": 1 << 20, "GB": 1 << 30} {
		if digits, ok := strings.CutSuffix(strings.ToUpper(text), suffix); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
			return n * unit, err == nil && n > 0 && n < 1<<20
		}
	}
	return 0, false
}

func parseLevel(name string) (slog.Level, bool) {
	switch strings.ToLower(name) {
	case "trace":
		return levelTrace, true
	case "debug":
		return slog.LevelDebug, true
	case "info":
		return slog.LevelInfo, true
	case "warn", "warning":
		return slog.LevelWarn, true
	case "error":
		return slog.LevelError, true
	case "fatal":
		return levelFatal, true
	}
	return slog.LevelInfo, false
}
