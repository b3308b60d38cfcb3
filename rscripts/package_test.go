package rscripts

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// writePackage writes the package's tarball to a folder of the test, and returns its path.
func writePackage(t *testing.T) string {
	t.Helper()
	tarball, err := Package()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), PackageFile())
	if err := os.WriteFile(file, tarball, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// fileNames returns the names of the tarball's files, in their order.
func fileNames(t *testing.T, tarball []byte) []string {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(tarball))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	archive := tar.NewReader(zip)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, header.Name)
	}
}

var workersOnly = regexp.MustCompile(`/R/(loop|fork|snapshot|debug)-`)

func TestPackage(t *testing.T) {
	tarball, err := Package()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Package()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(tarball, again) {
		t.Error("the bytes of the package differ from one call to the next")
	}
	names := fileNames(t, tarball)
	for _, want := range []string{
		"lambdaruntime/DESCRIPTION", "lambdaruntime/NAMESPACE", "lambdaruntime/LICENSE", "lambdaruntime/R/api-user-api.R",
		"lambdaruntime/R/package-invoke-handler.R", "lambdaruntime/man/invoke_handler.Rd", "lambdaruntime/inst/events/sqs-event.json",
	} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is missing", want)
		}
	}
	for _, name := range names {
		if workersOnly.MatchString(name) {
			t.Errorf("%s is not for the package", name)
		}
	}
	// R reads files in the order of their names, and some need earlier ones.
	inR := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !strings.Contains(name, "/R/") })
	if !slices.IsSorted(inR) {
		t.Errorf("the order of the R files is not that of their names: %q", inR)
	}
}

// TestPackageCheck runs R CMD check. It fails on errors and warnings, and on notes: there are none,
// except that a package in Enhances may be missing. A page or an argument that is not documented is a
// warning, and the examples of all pages run.
func TestPackageCheck(t *testing.T) {
	if testing.Short() {
		t.Skip("needs R")
	}
	if _, err := os.ReadDir("package/man"); err != nil { // a cached result would miss changes
		t.Fatal(err)
	}
	file := writePackage(t)
	dir := filepath.Dir(file)
	// A repository without packages: the check would ask CRAN.
	if err := os.MkdirAll(filepath.Join(dir, "src/contrib"), 0o755); err != nil {
		t.Fatal(err)
	}
	profile := filepath.Join(dir, "profile.R")
	for name, text := range map[string]string{
		filepath.Join(dir, "src/contrib/PACKAGES"): "",
		profile: `options(repos = c(CRAN = "file://` + dir + `"))`,
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "R", "CMD", "check", "--no-manual", file)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "R_PROFILE="+profile, "LANGUAGE=en", "LC_ALL=C.UTF-8", "_R_CHECK_FUTURE_FILE_TIMESTAMPS_=false")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("R CMD check: %v\n%s", err, out)
	}
	missing := regexp.MustCompile(`(?m)^\* checking package dependencies \.\.\. NOTE\n(Packages? which this enhances but not available for checking:.*\n(?:  .*\n)*)`)
	rest := missing.ReplaceAll(out, nil)
	if problem := regexp.MustCompile(`\.\.\. (ERROR|WARNING|NOTE)`).Find(rest); problem != nil {
		t.Errorf("R CMD check found something:\n%s", out)
	}
	if !bytes.Contains(out, []byte("* checking examples ... OK")) {
		t.Errorf("the examples did not run:\n%s", out)
	}
}

// TestPackageExamples checks that each exported function has a page whose examples call it, or define
// a method of it. R CMD check runs them, but does not miss any.
func TestPackageExamples(t *testing.T) {
	namespace, err := packageFiles.ReadFile("package/NAMESPACE")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := packageFiles.ReadDir("package/man")
	if err != nil {
		t.Fatal(err)
	}
	examples := map[string]string{} // by alias
	alias := regexp.MustCompile(`(?m)^\\alias\{(.*)\}$`)
	for _, page := range pages {
		text, err := packageFiles.ReadFile("package/man/" + page.Name())
		if err != nil {
			t.Fatal(err)
		}
		_, code, _ := strings.Cut(string(text), `\examples{`)
		for _, m := range alias.FindAllSubmatch(text, -1) {
			examples[string(m[1])] = code
		}
	}
	exports := regexp.MustCompile(`(?m)^export\((.*)\)$`).FindAllSubmatch(namespace, -1)
	if len(exports) == 0 {
		t.Fatal("NAMESPACE exports nothing")
	}
	for _, m := range exports {
		name := string(m[1])
		if !strings.Contains(examples[name], name+"(") && !strings.Contains(examples[name], name+".") {
			t.Errorf("no example calls %s()", name)
		}
	}
}
