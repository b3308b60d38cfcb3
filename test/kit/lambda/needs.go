package lambda

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// NeedsR skips a test if R's package is older than version, or missing. It skips only where
// `make test-r-versions` runs the test, which sets R_VERSIONS: elsewhere the test fails, because
// `make test` installs all packages.
func NeedsR(t *testing.T, pkg, version string) {
	t.Helper()
	if HasR(t, pkg, version) {
		return
	}
	if os.Getenv("R_VERSIONS") == "" {
		t.Fatalf("R needs %s %s or later, which make test installs", pkg, version)
	}
	t.Skipf("needs the R package %s %s", pkg, version)
}

// HasR reports whether R's package is installed, in this version or a later one.
func HasR(t *testing.T, pkg, version string) bool {
	t.Helper()
	code := fmt.Sprintf(`cat(tryCatch(packageVersion(%q), error = function(e) "0") >= %q)`, pkg, version)
	out, err := exec.Command("Rscript", "-e", code).Output()
	if err != nil {
		t.Fatalf("Rscript: %v", err)
	}
	return string(out) == "TRUE"
}
