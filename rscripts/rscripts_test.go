package rscripts

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// leastExpectations is far below the number of expectations. It catches a test_dir() that
// found no tests, which testthat reports as success.
const leastExpectations = 300

// summaryLine matches the last line of testthat's "progress" reporter. (The "check" reporter
// would leave a file among the tests.)
var summaryLine = regexp.MustCompile(`\[ FAIL (\d+) \| WARN (\d+) \| SKIP (\d+) \| PASS (\d+) \]`)

// runR evaluates R code in the worker's locale, with script as its standard input. It returns
// what R printed.
func runR(t *testing.T, code string, script []byte) string {
	t.Helper()
	if testing.Short() {
		t.Skip("needs R")
	}
	rscript, err := exec.LookPath("Rscript")
	if err != nil {
		t.Fatalf("%v: these tests need R with jsonlite and testthat, which `make test` installs", err)
	}
	cmd := exec.CommandContext(t.Context(), rscript, "--no-init-file", "-e", code)
	cmd.Stdin = bytes.NewReader(script)
	cmd.Env = append(os.Environ(), "TESTTHAT_MAX_FAILS=Inf", "LC_ALL=C.UTF-8", "LANGUAGE=en", "TZ=UTC")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("Rscript: %v (R needs jsonlite and testthat, which `make test` installs)\n%s", err, out)
	}
	return string(out)
}

// TestR runs the tests under tests/testthat.
func TestR(t *testing.T) {
	openTests(t)
	out := runR(t, `testthat::test_dir("tests/testthat", reporter = "progress", stop_on_failure = TRUE, stop_on_warning = !nzchar(Sys.getenv("R_VERSIONS")))`, nil)
	lines := summaryLine.FindAllStringSubmatch(out, -1)
	if lines == nil {
		t.Fatalf("testthat printed no summary:\n%s", out)
	}
	summary := lines[len(lines)-1]
	t.Log(summary[0])
	count := func(i int) int {
		n, err := strconv.Atoi(summary[i])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	// In make test-r-versions, tests skip what is too old, and old versions of waldo warn.
	strict := os.Getenv("R_VERSIONS") == ""
	if _, skipped, ok := strings.Cut(out, "Skipped tests"); ok {
		t.Log(skipped)
	}
	if count(1) > 0 || strict && (count(2) > 0 || count(3) > 0) {
		t.Errorf("something failed, warned or was skipped:\n%s", out)
	}
	if passed := count(4); passed < leastExpectations {
		t.Errorf("%d expectations were met, want at least %d:\n%s", passed, leastExpectations, out)
	}
}

// openTests opens the files that R will read. `go test` reuses a cached result until a file
// changes that the test itself opened.
func openTests(t *testing.T) {
	t.Helper()
	files := []string{"../protocol/testdata/frames.json"}
	for _, pattern := range []string{"tests/testthat/*.R", "tests/testthat/events/*.json"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		if _, err := os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
}

// TestScriptParses parses the files as the loader does in the worker.
func TestScriptParses(t *testing.T) {
	code := strings.Join([]string{ // Rscript -e takes a single line
		`lines <- readLines(file("stdin"))`,
		`runtime <- new.env(parent = baseenv())`,
		`eval(parse(text = lines, keep.source = FALSE), runtime)`,
		`cat(ls(runtime), sep = "\n")`,
	}, "; ")
	defined := strings.Fields(runR(t, code, Files()))
	for _, name := range []string{"run_worker", "read_frame", "load_handler", "call_handler", "with_conditions"} {
		if !slices.Contains(defined, name) {
			t.Errorf("the script does not define %s, only %q", name, defined)
		}
	}
}

// TestNamesAreDefinedOnce checks the environment that all files of a program share, where a second
// definition of a name would replace the first.
func TestNamesAreDefinedOnce(t *testing.T) {
	definition := regexp.MustCompile(`(?m)^([A-Za-z.][A-Za-z0-9._]*) <- `)
	for program, text := range map[string][]byte{"bootstrap debug": DebugFiles(), "the package": join(packageCode())} {
		count := map[string]int{}
		for _, m := range definition.FindAllSubmatch(text, -1) {
			name := string(m[1])
			if count[name]++; count[name] == 2 {
				t.Errorf("%s: %s is defined more than once", program, name)
			}
		}
		if len(count) < 100 {
			t.Errorf("%s: only %d names were found", program, len(count))
		}
	}
}

// TestScriptIsASCII checks that R can read the script in any locale that the function's
// environment sets, even one with ASCII only.
func TestScriptIsASCII(t *testing.T) {
	for i, line := range bytes.Split(slices.Concat(Loader(), DebugFiles()), []byte("\n")) {
		if bytes.ContainsFunc(line, func(r rune) bool { return r > 0x7e }) {
			t.Errorf("line %d: %s", i+1, line)
		}
	}
}

// TestEachFileHasATest checks that handler.R has a test-handler.R, and the other way round.
func TestEachFileHasATest(t *testing.T) {
	sources, err := fs.Glob(files, "*/*.R")
	if err != nil {
		t.Fatal(err)
	}
	missing := map[string]string{} // by the test file's name
	for _, source := range sources {
		test := "test-" + path.Base(source)
		if other, ok := missing[test]; ok {
			t.Errorf("%s and %s have the same name, so they would share a test file", other, source)
		}
		missing[test] = source
	}
	tests, err := filepath.Glob("tests/testthat/test-*.R")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		name := filepath.Base(test)
		if _, ok := missing[name]; !ok && !slices.Contains(crossTests, name) {
			t.Errorf("%s tests no file of that name", test)
		}
		delete(missing, name)
	}
	for test, source := range missing {
		t.Errorf("%s has no tests/testthat/%s", source, test)
	}
}

// crossTests are the tests of all R files together.
var crossTests = []string{"test-names.R"}
