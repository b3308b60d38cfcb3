package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// installPackage installs the R package that bootstrap package writes in a library of the test, and
// returns that. edit, if not nil, changes the unpacked package first.
func installPackage(t *testing.T, edit func(dir string)) string {
	t.Helper()
	dir, library := t.TempDir(), t.TempDir()
	p := start(t, "", nil, "package", dir)
	if code := p.exitCode(); code != 0 {
		t.Fatalf("bootstrap package exited with status %d:\n%s", code, p.output())
	}
	source := p.waitFor(`wrote (\S+/lambdaruntime_[\d.]+\.tar\.gz); to install it, run R CMD INSTALL (\S+)`)[1]
	if edit != nil {
		if out, err := exec.CommandContext(t.Context(), "tar", "-xzf", source, "-C", dir).CombinedOutput(); err != nil {
			t.Fatalf("tar: %v\n%s", err, out)
		}
		source = filepath.Join(dir, "lambdaruntime")
		edit(source)
	}
	installR(t, library, source)
	return library
}

// installR installs an R package in a library.
func installR(t *testing.T, library, source string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "R", "CMD", "INSTALL", "--no-test-load", "--library="+library, source)
	cmd.Env = append(os.Environ(), "R_LIBS="+library)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("R CMD INSTALL: %v\n%s", err, out)
	}
}

// setVersion changes the version of an unpacked package.
func setVersion(t *testing.T, dir, version string) {
	t.Helper()
	file := filepath.Join(dir, "DESCRIPTION")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, file, regexp.MustCompile(`(?m)^Version: .*$`).ReplaceAllString(string(text), "Version: "+version))
}

func TestPackageCommand(t *testing.T) {
	for _, row := range []struct{ args, want string }{
		{"/no/such/folder", "write the R package: open /no/such/folder/lambdaruntime_"},
		{"a b", "bootstrap package takes one folder, not 2"},
		{"--fast", "unknown flag: --fast"},
	} {
		p := start(t, "", nil, append([]string{"package"}, strings.Fields(row.args)...)...)
		if code := p.exitCode(); code != 1 || !strings.Contains(p.output(), row.want) {
			t.Errorf("bootstrap package %s: status %d, printed %s", row.args, code, p.output())
		}
	}
}

// usesPackage is a handler's file that uses the package in each way.
const usesPackage = `
for (name in "lambdaruntime") suppressPackageStartupMessages(library(name, character.only = TRUE))
stopifnot(requireNamespace("lambdaruntime"), require(lambdaruntime), is.environment(loadNamespace("lambdaruntime")))
source("other.R")
as_result.fit <- function(value, ...) list(slope = value$slope)
f <- function(context) {
  lambda_log("info", "fitted", rows = 5L)
  lambdaruntime::log_metric("Fits", 1, "Count")
  stopifnot(is.finite(lambdaruntime::remaining_ms()), identical(environment(lambda_log), environment(on_shutdown)))
  structure(list(slope = 2), class = "fit")
}
page <- function() lambdaruntime::html_response("<p>hi", 418L)
where <- function() list(as.character(packageVersion("lambdaruntime")), exists("run_worker", environment(lambdaruntime::html_response)))
bye <- function() stop_html("none")
`

// defaultPackages makes R load its usual packages at its start, and those that are appended.
const defaultPackages = "R_DEFAULT_PACKAGES=datasets,utils,grDevices,graphics,stats,methods"

// A handler's file that loads the package runs in the runtime, whether or not it is installed, and
// gets the runtime's own functions.
func TestHandlerLoadsPackage(t *testing.T) {
	installed := installPackage(t, func(dir string) { setVersion(t, dir, "99.1") })
	for _, row := range []struct{ name, library, version, loaded string }{
		{"not installed", "", "0.1.0", ""},
		{"another version is installed", installed, "99.1", ""},
		{"another version is loaded at R's start", installed, "99.1", ",lambdaruntime"},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			writeFile(t, filepath.Join(dir, "functions.R"), usesPackage)
			writeFile(t, filepath.Join(dir, "other.R"), "library(lambdaruntime)\non_shutdown(function() cat('shut down\\n'))\n")
			env := []string{"LAMBDA_TASK_ROOT=" + dir, "R_LIBS=" + row.library, defaultPackages + row.loaded}
			p, f := startLocal(t, "functions.f", env)
			if got := f.result("{}"); got != `{"slope":2}` {
				t.Errorf("got %s", got)
			}
			p.waitFor(`INF fitted.*rows=5`)
			p.waitFor(`"CloudWatchMetrics"`)
			if err := p.Cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			p.waitFor("shut down")

			_, f = startLocal(t, "functions.where", env)
			if got, want := f.result("{}"), `["`+row.version+`",true]`; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			_, f = startLocal(t, "functions.page", env, "--http")
			if got := f.http("GET", "/", ""); got.Status != 418 || got.Body != "<p>hi" {
				t.Errorf("got %d %s", got.Status, got.Body)
			}
			_, f = startLocal(t, "functions.bye", env)
			if e := f.failure("{}"); e.Type != "html_error" {
				t.Errorf("got %+v", e)
			}
		})
	}
}

// The package can be loaded late: in an invocation of an R that was forked, or restored from a snapshot,
// and so has another tempdir() than the one that loaded the handler's file.
func TestHandlerLoadsPackageLate(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "functions.R"), `
on_fork(function() cat("forked\n"))
on_restore(function() cat("restored\n"))
f <- function() {
  library(lambdaruntime)
  list(as.character(packageVersion("lambdaruntime")), identical(lambdaruntime::stop_html, stop_html))
}
`)
	for _, row := range []struct{ env, flag, want string }{
		{"LAMBDA_R_FORK=always", "--concurrency=2", "forked"},
		{"LAMBDA_R_FORK=never", "--snapstart", "restored"},
	} {
		t.Run(row.want, func(t *testing.T) {
			p, f := startLocal(t, "functions.f", []string{"LAMBDA_TASK_ROOT=" + dir, row.env}, row.flag)
			p.waitFor(row.want)
			if got, want := f.result("{}"), `["0.1.0",true]`; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// A package of the user that imports an installed lambdaruntime gets the runtime's functions, too,
// although nothing in a handler's file mentions it.
func TestPackageImportsPackage(t *testing.T) {
	library := installPackage(t, nil)
	dir := filepath.Join(t.TempDir(), "shop")
	if err := os.MkdirAll(filepath.Join(dir, "R"), 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "DESCRIPTION"), "Package: shop\nVersion: 1.0\nTitle: A Shop\nImports: lambdaruntime\n")
	writeFile(t, filepath.Join(dir, "NAMESPACE"), "export(sell)\nimport(lambdaruntime)\nS3method(as_result, sale)\n")
	writeFile(t, filepath.Join(dir, "R/sell.R"), `
.onLoad <- function(libname, pkgname) on_shutdown(function() cat("shop closed\n"))
sell <- function() {
  lambda_log("info", "sold", left = remaining_ms() < Inf)
  structure(list(), class = "sale")
}
as_result.sale <- function(value, ...) "sold"
`)
	installR(t, library, dir)
	for _, loaded := range []string{"", ",shop"} {
		p, f := startLocal(t, "shop::sell", []string{"R_LIBS=" + library, defaultPackages + loaded})
		if got := f.result("{}"); got != `"sold"` {
			t.Errorf("got %s", got)
		}
		p.waitFor(`INF sold.*left=true`)
		if err := p.Cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if loaded == "" { // its hook was registered when the runtime was there
			p.waitFor("shop closed")
		}
	}
}

// exampleTested serves the example, and runs its tests with the package installed.
func exampleTested(t *testing.T, dir string) {
	f := serveExample(t, dir, "functions.price")
	if got := f.http("GET", "/price?item=tea&count=2", ""); got.Status != 200 || got.Body != `{"item":"tea","total":6.4}` {
		t.Errorf("got %d %s", got.Status, got.Body)
	}
	if got := f.http("GET", "/price?item=gold", ""); got.Status != 404 {
		t.Errorf("got %d %s", got.Status, got.Body)
	}
	runExampleTests(t, dir)
}

// runExampleTests runs the R tests of an example with the package installed.
func runExampleTests(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "Rscript", "-e",
		`testthat::test_dir("tests/testthat", reporter = "summary", stop_on_failure = TRUE, stop_on_warning = TRUE); cat("passed\n")`)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "R_LIBS="+installPackage(t, nil))
	if out, err := cmd.CombinedOutput(); err != nil || !strings.HasSuffix(string(out), "passed\n") {
		t.Errorf("the tests of the example: %v\n%s", err, out)
	}
}

// The page shows the first test of the example.
func TestPackagePage(t *testing.T) {
	test, err := os.ReadFile("../../examples/tested/tests/testthat/test-functions.R")
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, block := range docBlocks(t, "../../docs/package.md") {
		if block.about == "tests/testthat/test-functions.R" {
			found = true
			if !strings.Contains(string(test), block.text) {
				t.Errorf("line %d is not what the example has", block.line)
			}
		}
	}
	if !found {
		t.Error("the page does not show the example")
	}
}
