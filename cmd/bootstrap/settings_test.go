package main

import (
	"errors"
	"log/slog"
	"reflect"
	"testing"
	"time"
)

// read reads the settings from an environment.
func read(env map[string]string, args ...string) (settings, error) {
	return readSettings(args, func(name string) string { return env[name] })
}

func TestReadSettings(t *testing.T) {
	dir := t.TempDir()
	s, err := read(map[string]string{
		"AWS_LAMBDA_LOG_LEVEL": "ERROR", "LOG_LEVEL": "debug", "AWS_LAMBDA_LOG_FORMAT": "JSON",
		"LAMBDA_TASK_ROOT": dir, "_HANDLER": "unused.f",
		"LAMBDA_R_WORKERS": "3", "LAMBDA_R_INIT_TIMEOUT": "5s", "LAMBDA_R_DEADLINE_MARGIN": "100ms",
		"LAMBDA_R_MAX_INVOCATIONS": "7", "LAMBDA_R_MAX_RSS": "1GB", "LAMBDA_R_METRICS": "true", "LAMBDA_R_FORK": "always",
		"AWS_LAMBDA_FUNCTION_NAME": "parity", "AWS_LAMBDA_MAX_CONCURRENCY": "8", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
		"AWS_LAMBDA_FUNCTION_TIMEOUT": "300",
	}, "app.f")
	want := settings{
		handler: "app.f", taskRoot: dir, workers: 3, initTimeout: 5 * time.Second, margin: 100 * time.Millisecond,
		maxInvocations: 7, fork: forkAlways, maxRSS: 1 << 30, metrics: true, logLevel: slog.LevelDebug, logJSON: true,
		function: "parity", maxConcurrency: 8, memory: 512 << 20, timeout: 300 * time.Second,
	}
	if err != nil || !reflect.DeepEqual(s, want) {
		t.Errorf("got %+v, %v\nwant %+v", s, err, want)
	}
}

func TestDefaultSettings(t *testing.T) {
	s, err := read(map[string]string{"_HANDLER": "app.f", "AWS_LAMBDA_MAX_CONCURRENCY": "many", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "-1"})
	want := settings{
		handler: "app.f", taskRoot: ".", function: "function", fork: forkAuto,
	}
	if err != nil || !reflect.DeepEqual(s, want) {
		t.Errorf("got %+v, %v\nwant %+v", s, err, want)
	}
}

// The init may take as long as Lambda allows: 130 s or the function's timeout, where it is known.
func TestInitLimit(t *testing.T) {
	for _, test := range []struct {
		setting, timeout string
		want             time.Duration
	}{
		{"", "", 130 * time.Second},
		{"", "30", 130 * time.Second},
		{"", "131", 131 * time.Second},
		{"", "5400", 90 * time.Minute},
		{"5s", "900", 5 * time.Second},
		{"2h", "900", 2 * time.Hour},
		// A timeout that makes no sense counts as absent.
		{"", "0", 130 * time.Second},
		{"", "-900", 130 * time.Second},
		{"", "900s", 130 * time.Second},
		{"", "86401", 130 * time.Second},
		{"", "9223372036854775807", 130 * time.Second},
	} {
		s, err := read(map[string]string{"LAMBDA_R_INIT_TIMEOUT": test.setting, "AWS_LAMBDA_FUNCTION_TIMEOUT": test.timeout})
		if err != nil || s.initLimit() != test.want {
			t.Errorf("%+v: %s, %v", test, s.initLimit(), err)
		}
	}
}

// Values of Lambda's that are beyond all bounds are bounded, or count as absent.
func TestSettingsBeyondBounds(t *testing.T) {
	for _, test := range []struct {
		concurrency, memory string
		wantSlots           int
		wantMemory          int64
	}{
		{"1000", "16777216", 1000, 1 << 44},
		{"100000000", "16777217", 1000, 0},
		{"9223372036854775807", "9223372036854775807", 1000, 0},
		{"9223372036854775808", "9223372036854775808", 1, 0},
	} {
		s, err := read(map[string]string{"AWS_LAMBDA_MAX_CONCURRENCY": test.concurrency, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": test.memory})
		if err != nil || s.lambdaSlots() != test.wantSlots || s.memory != test.wantMemory {
			t.Errorf("%+v: %d slots and %d bytes, %v", test, s.lambdaSlots(), s.memory, err)
		}
	}
}

// All invalid settings are reported at once, and keep their defaults.
func TestInvalidSettings(t *testing.T) {
	s, err := read(map[string]string{
		"AWS_LAMBDA_LOG_LEVEL": "loud", "LOG_LEVEL": "silent", "AWS_LAMBDA_LOG_FORMAT": "xml",
		"LAMBDA_TASK_ROOT": "/not/there",
		"LAMBDA_R_WORKERS": "abc", "LAMBDA_R_INIT_TIMEOUT": "-1s", "LAMBDA_R_DEADLINE_MARGIN": "5",
		"LAMBDA_R_MAX_INVOCATIONS": "0", "LAMBDA_R_MAX_RSS": "400", "LAMBDA_R_METRICS": "perhaps",
	}, "app.f")
	const want = `AWS_LAMBDA_LOG_LEVEL="loud": not trace, debug, info, warn, error or fatal
LOG_LEVEL="silent": not trace, debug, info, warn, error or fatal
AWS_LAMBDA_LOG_FORMAT="xml": not Text or JSON
LAMBDA_TASK_ROOT="/not/there": not an existing folder
LAMBDA_R_WORKERS="abc": not a whole number from 1 to 1000
LAMBDA_R_INIT_TIMEOUT="-1s": not a duration above 0, for example 30s
LAMBDA_R_DEADLINE_MARGIN="5": not a duration above 0, for example 250ms
LAMBDA_R_MAX_INVOCATIONS="0": not a whole number of at least 1
LAMBDA_R_MAX_RSS="400": not a size in MB or GB, for example 400MB
LAMBDA_R_METRICS="perhaps": not true or false`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	if r := fatalReport(err); r.Type != "Runtime.InvalidConfiguration" || r.Message != want {
		t.Errorf("reported as %s: %s", r.Type, r.Message)
	}
	defaults, _ := read(map[string]string{"_HANDLER": "app.f"})
	if !reflect.DeepEqual(s, defaults) {
		t.Errorf("got %+v\nwant %+v", s, defaults)
	}
}

// Invalid flags are reported at once, too.
func TestInvalidFlags(t *testing.T) {
	flags, o := localFlags()
	if err := flags.Parse([]string{"--concurrency=0", "--queue=-1", "--timeout=0s", "--memory=0", "--http=soap"}); err != nil {
		t.Fatal(err)
	}
	err := o.complete(flags, &settings{}, func(name string) string {
		return map[string]string{"LAMBDA_R_LOCAL_ADDR": "9000"}[name]
	})
	const want = `LAMBDA_R_LOCAL_ADDR="9000": not host:port, for example 127.0.0.1:9000
--concurrency="0": not a whole number from 1 to 1000
--queue="-1": not a whole number of at least 0
--timeout="0s": not a duration above 0, for example 30s
--memory="0": not a number of MB above 0
--http="soap": not url, rest, alb or lattice`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

// An init on this machine may take as long as --timeout allows in Lambda.
func TestInitLimitOfLocal(t *testing.T) {
	flags, o := localFlags()
	if err := flags.Parse([]string{"--timeout=15m"}); err != nil {
		t.Fatal(err)
	}
	s, err := read(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.complete(flags, &s, func(string) string { return "" }); err != nil || s.initLimit() != 15*time.Minute {
		t.Errorf("the limit is %s, %v", s.initLimit(), err)
	}
}

func TestNoHandler(t *testing.T) {
	s, err := read(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := errors.AsType[noHandlerError](s.checkHandler()); !ok {
		t.Errorf("got %v", s.checkHandler())
	}
}

// The log on Managed Instances is JSON, whatever the settings.
func TestLogFormat(t *testing.T) {
	for _, test := range []struct {
		format, initialization string
		json                   bool
	}{
		{"", "", false},
		{"Text", "on-demand", false},
		{"json", "on-demand", true},
		{"", "lambda-managed-instances", true},
		{"TEXT", "Lambda-Managed-Instances", true},
	} {
		s, err := read(map[string]string{"AWS_LAMBDA_LOG_FORMAT": test.format, "AWS_LAMBDA_INITIALIZATION_TYPE": test.initialization})
		if err != nil || s.logJSON != test.json {
			t.Errorf("%+v: got %v, %v", test, s.logJSON, err)
		}
	}
}

func TestMaxRSS(t *testing.T) {
	for text, want := range map[string]int64{
		"400MB": 400 << 20, "1GB": 1 << 30, "400 mb": 400 << 20,
		"400": 0, "MB": 0, "-1MB": 0, "0MB": 0, "1.5GB": 0, "99999999999GB": 0, "400MiB": 0,
	} {
		s, err := read(map[string]string{"LAMBDA_R_MAX_RSS": text})
		if (err == nil) != (want > 0) || s.maxRSS != want {
			t.Errorf("%q: got %d, %v, want %d", text, s.maxRSS, err, want)
		}
	}
}

func TestLambdaSlots(t *testing.T) {
	for _, row := range []struct{ concurrency, workers, want int }{
		{0, 0, 1}, {0, 4, 1}, {8, 0, 8}, {8, 4, 4}, {8, 16, 8},
	} {
		s := settings{maxConcurrency: row.concurrency, workers: row.workers}
		if got := s.lambdaSlots(); got != row.want {
			t.Errorf("%+v: got %d, want %d", row, got, row.want)
		}
	}
}
