package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// examine runs bootstrap doctor in a folder with these files. It returns the output and the exit
// status.
func examine(t *testing.T, files map[string]string, env []string, args ...string) (string, int) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		writeFile(t, filepath.Join(dir, name), text)
	}
	p := start(t, "", append([]string{"LAMBDA_TASK_ROOT=" + dir}, env...), append([]string{"doctor"}, args...)...)
	code := p.exitCode()
	return p.output(), code
}

// expectLines checks that each pattern matches a whole line, in this order.
func expectLines(t *testing.T, output string, patterns ...string) {
	t.Helper()
	rest := output
	for _, pattern := range patterns {
		at := regexp.MustCompile(`(?m)^` + pattern + `$`).FindStringIndex(rest)
		if at == nil {
			t.Errorf("it does not print %q, at least not there, but:\n%s", pattern, output)
			return
		}
		rest = rest[at[1]:]
	}
}

func TestDoctor(t *testing.T) {
	out, code := examine(t, map[string]string{
		"functions.R": "library(stats4)\nsource('model.R')\nparity <- function(number) number %% 2\nwarning('look at this')\n",
		"model.R":     "fit <- function() library(splines)\nfit()\n",
	}, nil, "functions.parity")
	expectLines(t, out,
		`ok    R: 4\.\d+\.\d+ at /\S+/R`,
		`ok    jsonlite: [\d.]+`,
		`ok    plots: drawn by cairo [\d.]+`,
		`ok    /proc/self/fd: can be opened`,
		`(ok  |warn)  /\S+: writable.*`,
		`ok    disk: .*`,
		`ok    user: .*`,
		`ok    HOME: /\S*.*`,
		`ok    TZ: \S+`,
		`ok    locale: \S+`,
		`ok    memory: .*`,
		`ok    shared libraries: found all that \d+ of \d+ packages need`,
		`ok    library: \d+ MB in \d+ packages, the largest \S+ [\d.]+ MB, .*`,
		`ok    handler: functions\.parity was loaded`,
		`ok    init: [\d.]+ m?s, of which R and the runtime took [\d.]+ m?s and the handler's file [\d.]+ m?s: .*stats4 [\d.]+ m?s of [\d.]+ m?s.*`,
	)
	for _, line := range []string{
		`ok    init: [\d.]+ m?s in library\(stats4\) \(functions\.R:1\)`,
		`ok    init: [\d.]+ m?s in source\("model\.R"\) \(functions\.R:2\)`,
		`ok    init: [\d.]+ m?s in library\(splines\) \(model\.R:1\)`,
		`warn  init: loading the handler prints a warning, .*\n        look at this`,
		`ok    memory: R used \d+ MB .*`,
	} {
		expectLines(t, out, line)
	}
	if code != 0 {
		t.Errorf("exit status %d, want 0; it printed:\n%s", code, out)
	}
}

func TestDoctorWithoutAHandler(t *testing.T) {
	out, code := examine(t, nil, nil)
	expectLines(t, out, `ok    handler: not checked; to check one, run bootstrap doctor HANDLER`)
	if code != 0 {
		t.Errorf("exit status %d, want 0; it printed:\n%s", code, out)
	}
	// The handler may also come from the environment, as in an image.
	out, _ = examine(t, map[string]string{"f.R": "f <- function() 1"}, []string{"_HANDLER=f.f"})
	expectLines(t, out, `ok    handler: f\.f was loaded`)
}

// Each row is a fault, the findings about it, and the exit status. Only findings are printed.
func TestDoctorFinds(t *testing.T) {
	for _, row := range []struct {
		name, code string
		env, args  []string
		status     int
		lines      []string
	}{
		{"no file", "", nil, []string{"functions.f"}, 1, []string{`fail  handler: Runtime\.HandlerNotFound: .*functions\.R.*`}},
		{"a missing package", "library(stats4)\nlibrary(notthere)", nil, []string{"functions.f"}, 1, []string{
			`fail  handler: Runtime\.ImportModuleError: functions\.R:2: there is no package called .notthere.`,
			`        install the package in the image, where R looks: /.*`,
			`ok    init: [\d.]+ m?s in library\(stats4\) \(functions\.R:1\)`,
		}},
		{"no function", "g <- 1", nil, []string{"functions.f"}, 1, []string{`fail  handler: Runtime\.NoSuchHandler: .*`}},
		{"too slow", "library(stats4)\nSys.sleep(60)", []string{"LAMBDA_R_INIT_TIMEOUT=2s"}, []string{"functions.f"}, 1, []string{
			`fail  handler: Runtime\.InitTimeout: R was not ready within 2s .*`,
			`ok    init: [\d.]+ m?s in library\(stats4\) \(functions\.R:1\)`, // up to the time limit
		}},
		{"it quits", "message('bye')\nquit(status = 3)", nil, []string{"functions.f"}, 1, []string{`fail  handler: Runtime\.WorkerCrashed: .*status 3.*`}},
		{"settings", "", []string{"LAMBDA_R_WORKERS=abc"}, []string{"functions.f"}, 1, []string{
			`fail  settings: Runtime\.InvalidConfiguration: LAMBDA_R_WORKERS="abc": not a whole number from 1 to 1000`,
			`ok    handler: not checked, because a setting is invalid`,
		}},
		{"no task root", "", []string{"LAMBDA_TASK_ROOT=/not/there"}, nil, 1, []string{
			`fail  settings: .*LAMBDA_TASK_ROOT="/not/there": not an existing folder`, `ok    R: .*`,
		}},
		{"no R", "", []string{"LAMBDA_R_BIN=/not/there"}, nil, 1, []string{`fail  R: .*LAMBDA_R_BIN="/not/there": .*`, `ok    memory: .*`}},
		{"no jsonlite", "", []string{"R_LIBS_SITE=/nowhere", "R_LIBS_USER=/nowhere", "R_LIBS=/nowhere"}, nil, 1, []string{
			`fail  jsonlite: there is no package called .jsonlite.: install it \(Debian, Ubuntu: apt-get install r-cran-jsonlite; elsewhere: install\.packages\("jsonlite"\)\)`,
		}},
		{"no UTF-8", "", []string{"LC_ALL=C"}, nil, 0, []string{`warn  locale: C is not UTF-8, so .*: set LANG=C\.UTF-8, and unset LC_ALL`}},
		// Where the C library has an archive of locales, bootstrap cannot tell that this one is missing.
		{"an unknown locale", "", []string{"LC_ALL=xx_YY.UTF-8"}, nil, 0, []string{`(ok    locale: C\.UTF-8|warn  locale: C is not UTF-8, .*)`}},
		{"a time zone without data", "", []string{"TZ=Europe/Atlantis"}, nil, 0, []string{`warn  TZ: Europe/Atlantis is not known here, .*`}},
		{"a HOME that is not there", "", []string{"HOME=/home/sbx_user1051"}, nil, 0, []string{`ok    HOME: /tmp, because /home/sbx_user1051 is not a folder`}},
		{"two handlers", "", nil, []string{"a.b", "c.d"}, 1, []string{
			`fail  web server: Runtime\.InvalidEntrypoint: cannot start the web server "a\.b c\.d": .*not found.*; to serve a function, give one word, file\.function`,
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{}
			if row.code != "" {
				files["functions.R"] = row.code
			}
			out, code := examine(t, files, row.env, row.args...)
			expectLines(t, out, row.lines...)
			if code != row.status {
				t.Errorf("exit status %d, want %d; it printed:\n%s", code, row.status, out)
			}
			for line := range strings.Lines(out) {
				if !regexp.MustCompile(`^(ok   |warn |fail |       ) \S?`).MatchString(line) {
					t.Errorf("a line that is not a finding: %s", line)
				}
			}
		})
	}
}

func TestDoctorTakesNoFlags(t *testing.T) {
	out, code := examine(t, nil, nil, "--addr", "127.0.0.1:0")
	if code != 1 || !strings.Contains(out, "unknown flag: --addr") {
		t.Errorf("status %d, %s", code, out)
	}
	out, code = examine(t, nil, nil, "--help")
	if code != 0 || !strings.Contains(out, "bootstrap doctor [HANDLER]") {
		t.Errorf("status %d, %s", code, out)
	}
}

// The doctor leaves no files behind.
func TestDoctorLeavesNothing(t *testing.T) {
	temp := t.TempDir()
	examine(t, map[string]string{"f.R": "f <- function() 1"}, []string{"TMPDIR=" + temp}, "f.f")
	left, err := os.ReadDir(temp)
	if err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}

// At level debug the log has the duration of each call. At other levels calls are not timed.
func TestTimesInTheLog(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "f.R"), "library(stats4)\nsource('g.R')\nf <- function() deparse(body(library))[[1]]\n")
	writeFile(t, filepath.Join(dir, "g.R"), "requireNamespace('splines')\n")
	p, f := startLocal(t, "f.f", []string{"LAMBDA_TASK_ROOT=" + dir, "LOG_LEVEL=debug"})
	expectLines(t, p.output(),
		`\S+ DBG timed slot=0 pid=\d+ call=library\(stats4\) at=f\.R:1 took_ms=[\d.]+`,
		`\S+ DBG timed slot=0 pid=\d+ call="requireNamespace\(\\"splines\\"\)" at=g\.R:1 took_ms=[\d.]+`,
		`\S+ DBG timed slot=0 pid=\d+ call="source\(\\"g\.R\\"\)" at=f\.R:2 took_ms=[\d.]+`,
		`.* DBG handler loaded .*`,
	)
	debug := f.result(`{}`)
	p, f = startLocal(t, "f.f", []string{"LAMBDA_TASK_ROOT=" + dir})
	if strings.Contains(p.output(), "timed") {
		t.Errorf("it printed times:\n%s", p.output())
	}
	if info := f.result(`{}`); info != debug {
		t.Errorf("library() is %s at debug and %s at info", debug, info)
	}
}

// A profile with which R does not start is named, and not R.
func TestDoctorBrokenProfile(t *testing.T) {
	out, code := examine(t, map[string]string{
		".Rprofile": "source(\"renv/activate.R\")\n",
		"f.R":       "f <- function() 1",
	}, nil, "f.f")
	expectLines(t, out, `fail  R: /\S+/R starts, but not with its profile, /\S+/\.Rprofile: fix or remove that file: exit status 1`)
	if !strings.Contains(out, "renv/activate.R") || code != 1 {
		t.Errorf("exit status %d, and it printed:\n%s", code, out)
	}
}
