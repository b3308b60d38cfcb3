package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// initFailures are faults that keep a function from becoming ready: the first rows of the failure
// table.
var initFailures = []struct {
	name, handler, errorType string
	env                      []string
	text                     []string // the message contains all of them
}{
	{"no handler", "", "Runtime.MalformedHandlerName", nil, []string{"no handler given", "file.function"}},
	{"malformed handler", "functions.", "Runtime.MalformedHandlerName", nil, []string{`"functions."`, "file.function"}},
	{"bare name without its file", "functions", "Runtime.HandlerNotFound", nil, []string{`"functions"`, "handler.R", "runtime.R"}},
	{"no such file", "nofile.parity", "Runtime.HandlerNotFound", nil, []string{"nofile.R"}},
	{"no such function", "functions.nope", "Runtime.NoSuchHandler", nil, []string{"functions.R", "nope", "functions_are_here"}},
	{"syntax error", "syntax.parity", "Runtime.UserCodeSyntaxError", nil, []string{"syntax.R:1:44"}},
	{"package missing", "import.f", "Runtime.ImportModuleError", nil, []string{"import.R:3", "notthere"}},
	{"handler of a missing package", "notthere::f", "Runtime.ImportModuleError", nil, []string{"notthere"}},
	{"error at source", "stops.f", "Runtime.InitError", nil, []string{"stops.R:3", "no model file"}},
	{"quit at source", "quits.f", "Runtime.WorkerCrashed", nil, []string{"status 3"}},
	{"killed at source", "killed.f", "Runtime.WorkerCrashed", nil, []string{"SIGKILL", "before the end"}},
	{"too slow", "slow.f", "Runtime.InitTimeout", []string{"LAMBDA_R_INIT_TIMEOUT=3s"}, []string{"3s", "LAMBDA_R_INIT_TIMEOUT", "; it was in Sys.sleep(600) (slow.R:1)"}},
	{"too slow in a function", "loops.f", "Runtime.InitTimeout", []string{"LAMBDA_R_INIT_TIMEOUT=3s"}, []string{"; it was in repeat_forever() (loops.R:1)"}},
	{"broken .Rprofile", "functions.functions_are_here", "Runtime.WorkerCrashed", []string{"R_PROFILE_USER=broken.Rprofile"}, []string{"R did not get past its profile, ", "broken.Rprofile: the R process", "status 1", "renv/activate.R"}},
	{"quit in .Rprofile", "functions.functions_are_here", "Runtime.WorkerCrashed", []string{"R_PROFILE_USER=quits.R"}, []string{"R did not get past its profile, ", "quits.R: the R process", "status 3"}},
	{"endless .Rprofile", "functions.functions_are_here", "Runtime.InitTimeout", []string{"R_PROFILE_USER=slow.R", "LAMBDA_R_INIT_TIMEOUT=3s"}, []string{"R did not get past its profile, ", "slow.R: R was not ready within 3s"}},
	{"error in a global handler", "handles.f", "Runtime.InitError", nil, []string{"handles.R:2: the handler fails"}},
	{"R cannot start", "functions.functions_are_here", "Runtime.WorkerCrashed", []string{"LAMBDA_R_BIN=/bin/false"}, []string{"status 1"}},
	{"jsonlite missing", "functions.functions_are_here", "Runtime.WorkerCrashed", []string{"R_LIBS=", "R_LIBS_SITE=/none", "R_LIBS_USER=/none"}, []string{"needs the R package jsonlite", "no package called", "r-cran-jsonlite", "/R/library"}},
	{"R is not executable", "functions.functions_are_here", "Runtime.InvalidEntrypoint", []string{"LAMBDA_R_BIN=/etc/passwd"}, []string{"LAMBDA_R_BIN", "/etc/passwd"}},
	{"bad workers", "functions.functions_are_here", "Runtime.InvalidConfiguration", []string{"LAMBDA_R_WORKERS=abc"}, []string{"LAMBDA_R_WORKERS", `"abc"`, "whole number"}},
	{"bad margin", "functions.functions_are_here", "Runtime.InvalidConfiguration", []string{"LAMBDA_R_DEADLINE_MARGIN=5"}, []string{"LAMBDA_R_DEADLINE_MARGIN", `"5"`, "250ms"}},
	{"bad init timeout", "functions.functions_are_here", "Runtime.InvalidConfiguration", []string{"LAMBDA_R_INIT_TIMEOUT=-1s"}, []string{"LAMBDA_R_INIT_TIMEOUT", `"-1s"`, "30s"}},
	{"bad log level", "functions.functions_are_here", "Runtime.InvalidConfiguration", []string{"LOG_LEVEL=loud"}, []string{"LOG_LEVEL", `"loud"`, "trace, debug, info, warn, error or fatal"}},
	{"bad log format", "functions.functions_are_here", "Runtime.InvalidConfiguration", []string{"AWS_LAMBDA_LOG_FORMAT=xml"}, []string{"AWS_LAMBDA_LOG_FORMAT", `"xml"`, "Text or JSON"}},
	{"bad invocation limit", "functions.functions_are_here", "Runtime.InvalidConfiguration", []string{"LAMBDA_R_MAX_INVOCATIONS=0"}, []string{"LAMBDA_R_MAX_INVOCATIONS", `"0"`, "at least 1"}},
	{"bad memory limit", "functions.functions_are_here", "Runtime.InvalidConfiguration", []string{"LAMBDA_R_MAX_RSS=400"}, []string{"LAMBDA_R_MAX_RSS", `"400"`, "400MB"}},
	{"bad metrics setting", "functions.functions_are_here", "Runtime.InvalidConfiguration", []string{"LAMBDA_R_METRICS=perhaps"}, []string{"LAMBDA_R_METRICS", `"perhaps"`, "true or false"}},
	{"bad simplification", "functions.functions_are_here", "Runtime.InvalidConfiguration", []string{"LAMBDA_R_SIMPLIFY=no"}, []string{"LAMBDA_R_SIMPLIFY", `"no"`, "true or false"}},
	{"several bad settings", "", "Runtime.InvalidConfiguration", []string{"LAMBDA_R_WORKERS=abc", "LAMBDA_R_MAX_RSS=400", "LOG_LEVEL=loud"},
		[]string{`LAMBDA_R_WORKERS="abc": not a whole number from 1 to 1000`, `LAMBDA_R_MAX_RSS="400": not a size`, `LOG_LEVEL="loud"`, "no handler given"}},
	{"bad event source", "functions.functions_are_here", "Runtime.InvalidConfiguration", []string{"LAMBDA_R_EVENT=gateway"}, []string{`LAMBDA_R_EVENT="gateway"`, "auto or one of authorizer, alb, url, http"}},
	{"an argument that nothing gives", "functions.takes_too_much", "Runtime.InvalidArguments", nil, []string{"takes_too_much has an argument event, which gets the whole event", `nothing is left for "n"`}},
	{"bad compatibility", "functions.functions_are_here", "Runtime.InvalidConfiguration", []string{"LAMBDA_R_COMPAT=plumber"}, []string{"LAMBDA_R_COMPAT", `"plumber"`, "must be lambdr"}},
	{"bad task root", "functions.functions_are_here", "Runtime.InvalidConfiguration", []string{"LAMBDA_TASK_ROOT=/not/there"}, []string{"LAMBDA_TASK_ROOT", `"/not/there"`}},
}

// In Lambda each fault is reported once, as the init error and nothing else. Then bootstrap exits
// with status 1.
func TestInitErrorInLambda(t *testing.T) {
	for _, row := range initFailures {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			rec := newRecorder(t, 10*time.Second, nil)
			p, _ := startLambda(t, rec, "init", row.handler, row.env...)
			if code := p.exitCode(); code != 1 {
				t.Errorf("exit status %d, want 1", code)
			}
			if got, want := rec.reports(), []string{"init/error " + row.errorType}; !slices.Equal(got, want) {
				t.Errorf("reported %q, want %q", got, want)
			}
			if n := rec.count("next"); n != 0 {
				t.Errorf("%d calls of /next after a failed init", n)
			}
			// The caller of a function that cannot start gets the reason.
			e := function{t, rec.URL}.failure(`{}`)
			if e.Type != row.errorType {
				t.Errorf("the caller gets the type %q, want %q", e.Type, row.errorType)
			}
			for _, text := range row.text {
				if !strings.Contains(e.Message, text) {
					t.Errorf("the message does not have %q: %s", text, e.Message)
				}
				if !strings.Contains(p.output(), text) {
					t.Errorf("the log does not have %q:\n%s", text, p.output())
				}
			}
		})
	}
}

// On a laptop the same text is printed once. The exit status is 1 as well.
func TestInitErrorLocally(t *testing.T) {
	for _, row := range initFailures {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			args := []string{"local", "--addr", "127.0.0.1:0"}
			if row.handler != "" {
				args = append(args, row.handler)
			}
			p := start(t, "init", row.env, args...)
			if code := p.exitCode(); code != 1 {
				t.Errorf("exit status %d, want 1", code)
			}
			if n := strings.Count(p.output(), row.errorType+":"); n != 1 {
				t.Errorf("the error type is printed %d times:\n%s", n, p.output())
			}
			for _, text := range row.text {
				if !strings.Contains(p.output(), text) {
					t.Errorf("it does not print %q, but:\n%s", text, p.output())
				}
			}
			if strings.Contains(p.output(), "is served on") {
				t.Errorf("it claims to serve:\n%s", p.output())
			}
		})
	}
}

func TestInitErrorHasTheStackOfR(t *testing.T) {
	p := start(t, "init", nil, "local", "--addr", "127.0.0.1:0", "stops.f")
	p.exitCode()
	for _, line := range []string{"bootstrap: Runtime.InitError: stops.R:3: no model file\n", `  2: stop("no model file") (stops.R:2)` + "\n", "  1: inner()\n"} {
		if !strings.Contains(p.output(), line) {
			t.Errorf("it does not print %q, but:\n%s", line, p.output())
		}
	}
}

// In Lambda the log has the error once, in both formats.
func TestInitErrorInTheLog(t *testing.T) {
	for format, want := range map[string]string{
		"Text": `(?m)^\S+ FTL fatal error, exiting: Runtime\.InitError: stops\.R:3: no model file\n\S+ FTL   2: stop\("no model file"\) \(stops\.R:2\)\n\S+ FTL   1: inner\(\)$`,
		"JSON": `"level":"FATAL","message":"fatal error, exiting","errorType":"Runtime\.InitError","errorMessage":"stops\.R:3: no model file","stackTrace":\["inner\(\)","stop\(\\"no model file\\"\) \(stops\.R:2\)"\]`,
	} {
		t.Run(format, func(t *testing.T) {
			rec := newRecorder(t, 10*time.Second, nil)
			p, _ := startLambda(t, rec, "init", "stops.f", "AWS_LAMBDA_LOG_FORMAT="+format)
			p.exitCode()
			p.waitFor(want)
			if n := strings.Count(p.output(), "stops.R:3: no model file"); n != 1 {
				t.Errorf("it is logged %d times:\n%s", n, p.output())
			}
		})
	}
}
