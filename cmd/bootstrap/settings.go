package main

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
)

const (
	// minInitTimeout is the least that Lambda allows for an init of SnapStart, of provisioned
	// concurrency and of Managed Instances. It allows the function's timeout if that is longer.
	minInitTimeout = 130 * time.Second

	// maxTimeout bounds what counts as the function's timeout. Lambda has at most 90 minutes.
	maxTimeout = 24 * time.Hour

	// maxMemory bounds what counts as the function's memory, in MB. Lambda has at most 32 GB.
	maxMemory = 1 << 24
)

// settings are the environment's, with defaults for those that are not set.
type settings struct {
	handler        string
	command        []string // of a web server; nil for a function
	detected       string   // why it is one
	taskRoot       string
	workers        int           // 0 if not set
	initTimeout    time.Duration // 0 if not set: see initLimit
	margin         time.Duration // 0 if it grows with the timeout
	maxInvocations int           // 0 if unlimited
	maxRSS         int64         // bytes; 0 if unlimited
	fork           forkMode
	metrics        bool
	logLevel       slog.Level
	logJSON        bool

	// Lambda sets these, but not the timeout, which AWS's emulator takes. A value that makes no sense
	// counts as absent.
	function       string        // its name
	maxConcurrency int           // 0 if not set
	memory         int64         // bytes; 0 if unknown
	snapStart      bool          // a snapshot is taken after the init; see readSnapStart
	probe          bool          // restored workers write what they would draw
	timeout        time.Duration // 0 if unknown
}

// A variable is an environment variable that configures bootstrap. Variables that only R
// reads are checked in R.
type variable struct {
	name  string
	want  string                                    // completes the sentence "it is not …"
	parse func(s *settings, value string) (ok bool) // changes s only if it returns true
}

// variables are read in this order.
var variables = []variable{
	{"AWS_LAMBDA_LOG_LEVEL", "trace, debug, info, warn, error or fatal", (*settings).parseLogLevel},
	{"LOG_LEVEL", "trace, debug, info, warn, error or fatal", (*settings).parseLogLevel}, // overrides the platform's
	{"AWS_LAMBDA_LOG_FORMAT", "Text or JSON", (*settings).parseLogFormat},
	{"LAMBDA_TASK_ROOT", "an existing folder", (*settings).parseTaskRoot},
	{"LAMBDA_R_WORKERS", "a whole number from 1 to 1000",
		parseCount(maxConcurrency, func(s *settings) *int { return &s.workers })},
	{"LAMBDA_R_INIT_TIMEOUT", "a duration above 0, for example 30s",
		parseDuration(func(s *settings) *time.Duration { return &s.initTimeout })},
	{"LAMBDA_R_DEADLINE_MARGIN", "a duration above 0, for example 250ms",
		parseDuration(func(s *settings) *time.Duration { return &s.margin })},
	{"LAMBDA_R_MAX_INVOCATIONS", "a whole number of at least 1",
		parseCount(1<<31-1, func(s *settings) *int { return &s.maxInvocations })},
	{"LAMBDA_R_MAX_RSS", "a size in MB or GB, for example 400MB", (*settings).parseMaxRSS},
	{"LAMBDA_R_FORK", "auto, always or never", (*settings).parseFork},
	{"LAMBDA_R_METRICS", "true or false", (*settings).parseMetrics},
}

// readSettings reads the command line and the environment. Its error joins one error for
// each invalid setting, which keeps its default.
func readSettings(args []string, getenv func(string) string) (settings, error) {
	s := settings{taskRoot: ".", fork: forkAuto}
	var invalid []error
	for _, v := range variables {
		if value := getenv(v.name); value != "" && !v.parse(&s, value) {
			invalid = append(invalid, &settingError{v.name, value, v.want})
		}
	}
	if onManagedInstances(getenv) {
		s.logJSON = true // the only format there
	}
	if n, err := strconv.Atoi(getenv("AWS_LAMBDA_MAX_CONCURRENCY")); err == nil && n >= 1 {
		s.maxConcurrency = min(n, maxConcurrency)
	}
	if mb, err := strconv.ParseInt(getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), 10, 64); err == nil && mb > 0 && mb <= maxMemory {
		s.memory = mb << 20
	}
	if n, err := strconv.ParseInt(getenv("AWS_LAMBDA_FUNCTION_TIMEOUT"), 10, 64); err == nil && n > 0 && n <= int64(maxTimeout/time.Second) {
		s.timeout = time.Duration(n) * time.Second
	}
	s.function = cmp.Or(getenv("AWS_LAMBDA_FUNCTION_NAME"), localFunction)
	s.handler = getenv("_HANDLER")
	s.setHandler(args)
	return s, errors.Join(invalid...)
}

// checkHandler returns an error if no handler was given.
func (s *settings) checkHandler() error {
	if s.handler == "" {
		return noHandlerError{}
	}
	return nil
}

// initLimit returns how long a worker may take to become ready: LAMBDA_R_INIT_TIMEOUT or, if it
// is not set, as long as Lambda allows.
func (s *settings) initLimit() time.Duration {
	return cmp.Or(s.initTimeout, max(minInitTimeout, s.timeout))
}

// isolated reports whether each invocation gets a process of its own.
func (s *settings) isolated() bool { return s.maxInvocations == 1 }

// lambdaSlots returns how many workers run inside Lambda. Lambda sends one event at a
// time, and on Managed Instances as many as AWS_LAMBDA_MAX_CONCURRENCY, which
// LAMBDA_R_WORKERS may lower.
func (s *settings) lambdaSlots() int {
	slots := max(1, s.maxConcurrency)
	if s.workers > 0 {
		slots = min(slots, s.workers)
	}
	return slots
}

func inLambda(getenv func(string) string) bool { return getenv("AWS_LAMBDA_RUNTIME_API") != "" }

// onManagedInstances reports whether this function runs on Lambda Managed Instances.
func onManagedInstances(getenv func(string) string) bool {
	return strings.EqualFold(getenv(initTypeVariable), "lambda-managed-instances")
}

func (s *settings) parseLogLevel(value string) bool {
	level, ok := protocol.ParseLevel(value)
	if ok {
		s.logLevel = level
	}
	return ok
}

func (s *settings) parseLogFormat(value string) bool {
	s.logJSON = strings.EqualFold(value, "json")
	return s.logJSON || strings.EqualFold(value, "text")
}

func (s *settings) parseTaskRoot(value string) bool {
	info, err := os.Stat(value)
	if err != nil || !info.IsDir() {
		return false
	}
	s.taskRoot = value
	return true
}

func (s *settings) parseMetrics(value string) (ok bool) {
	b, err := strconv.ParseBool(value)
	s.metrics = b
	return err == nil
}

// parseMaxRSS parses a size like 400MB.
func (s *settings) parseMaxRSS(value string) bool {
	for suffix, unit := range map[string]int64{"MB": 1 << 20, "GB": 1 << 30} {
		if digits, ok := strings.CutSuffix(strings.ToUpper(value), suffix); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
			if err != nil || n < 1 || n >= 1<<20 {
				return false
			}
			s.maxRSS = n * unit
			return true
		}
	}
	return false
}

// parseCount returns a parser of whole numbers from 1 to limit.
func parseCount(limit int, field func(*settings) *int) func(*settings, string) bool {
	return func(s *settings, value string) bool {
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > limit {
			return false
		}
		*field(s) = n
		return true
	}
}

// parseDuration returns a parser of durations above 0.
func parseDuration(field func(*settings) *time.Duration) func(*settings, string) bool {
	return func(s *settings, value string) bool {
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			return false
		}
		*field(s) = d
		return true
	}
}

// A settingError reports an environment variable or a flag with an invalid value.
type settingError struct {
	name, value string
	want        string // completes the sentence "it is not …"
}

func (e *settingError) Error() string { return fmt.Sprintf("%s=%q: not %s", e.name, e.value, e.want) }

// ErrorType is the errorType reported to Lambda.
func (e *settingError) ErrorType() string { return runtimeapi.ErrorInvalidConfiguration }

// A noHandlerError reports that no handler was given.
type noHandlerError struct{}

func (noHandlerError) Error() string {
	return "no handler given: give file.function as the first argument or in _HANDLER, " +
		"for example functions.parity for the function parity in functions.R"
}

// ErrorType is the errorType reported to Lambda.
func (noHandlerError) ErrorType() string { return runtimeapi.ErrorMalformedHandler }
