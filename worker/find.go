package worker

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"lambda-r-runtime/protocol/runtimeapi"
)

// NotFoundError reports that FindR found no R.
type NotFoundError struct {
	Looked []string // the places where it looked, in order
}

func (e *NotFoundError) Error() string {
	return "no R found; looked at " + strings.Join(e.Looked, ", ") +
		". Install it (Debian, Ubuntu: apt-get install r-base-core r-cran-jsonlite), or set LAMBDA_R_BIN to the R executable"
}

// ErrorType is the errorType reported to Lambda.
func (e *NotFoundError) ErrorType() string { return runtimeapi.ErrorInvalidEntrypoint }

// NotExecutableError reports a LAMBDA_R_BIN that cannot be run.
type NotExecutableError struct {
	Path string
	Err  error
}

func (e *NotExecutableError) Error() string {
	return fmt.Sprintf("LAMBDA_R_BIN=%q: %v; set it to the path of an R executable", e.Path, e.Err)
}

func (e *NotExecutableError) Unwrap() error { return e.Err }

// ErrorType is the errorType reported to Lambda.
func (e *NotExecutableError) ErrorType() string { return runtimeapi.ErrorInvalidEntrypoint }

// FindR returns the absolute path of the R executable. It looks at LAMBDA_R_BIN, R_HOME/bin/R,
// R on the PATH, /opt/R/*/bin/R (the highest version) and the default places of R's build, in
// this order. A LAMBDA_R_BIN that cannot be run is an error: FindR does not look further.
//
// Relative directories on the PATH are ignored, because a program in the function's directory
// must not pass for R.
func FindR(getenv func(string) string) (string, error) {
	return findR(getenv, "/")
}

// findR looks for the places that no variable names below root.
func findR(getenv func(string) string, root string) (string, error) {
	var path []string // absolute, because R runs in another directory
	for _, dir := range filepath.SplitList(getenv("PATH")) {
		if filepath.IsAbs(dir) {
			path = append(path, dir)
		}
	}
	if bin := getenv("LAMBDA_R_BIN"); bin != "" {
		found, err := lookPath(bin, path)
		if err != nil {
			return "", &NotExecutableError{Path: bin, Err: err}
		}
		return found, nil
	}
	missing := &NotFoundError{Looked: []string{"LAMBDA_R_BIN (not set)"}}

	var places []string
	if home := getenv("R_HOME"); home != "" {
		places = append(places, filepath.Join(home, "bin", "R"))
	} else {
		missing.Looked = append(missing.Looked, "R_HOME (not set)")
	}
	for _, dir := range path {
		places = append(places, filepath.Join(dir, "R"))
	}
	optR := filepath.Join(root, "opt/R/*/bin/R")
	opt, _ := filepath.Glob(optR) // the only error is a bad pattern
	slices.SortFunc(opt, func(a, b string) int { return compareVersions(b, a) })
	places = append(places, opt...)
	places = append(places, filepath.Join(root, "usr/lib/R/bin/R"), filepath.Join(root, "usr/local/lib/R/bin/R"))

	for _, bin := range places {
		if _, err := exec.LookPath(bin); err == nil {
			return bin, nil
		}
		missing.Looked = append(missing.Looked, bin)
	}
	if len(opt) == 0 {
		missing.Looked = append(missing.Looked, optR)
	}
	return "", missing
}

// lookPath finds the executable bin as a shell does: in the directories of path if bin has no
// slash, else relative to the working directory.
func lookPath(bin string, path []string) (string, error) {
	if strings.Contains(bin, "/") {
		abs, err := filepath.Abs(bin)
		if err != nil {
			return "", err
		}
		return exec.LookPath(abs)
	}
	for _, dir := range path {
		if found, err := exec.LookPath(filepath.Join(dir, bin)); err == nil {
			return found, nil
		}
	}
	return "", exec.ErrNotFound
}

// compareVersions compares strings in which runs of digits count as numbers: /opt/R/4.10.0 comes
// after /opt/R/4.9.1.
func compareVersions(a, b string) int {
	for a != "" && b != "" {
		na, nb := digits(a), digits(b)
		if na > 0 && nb > 0 {
			x, y := strings.TrimLeft(a[:na], "0"), strings.TrimLeft(b[:nb], "0")
			if len(x) != len(y) {
				return len(x) - len(y)
			}
			if c := strings.Compare(x, y); c != 0 {
				return c
			}
			a, b = a[na:], b[nb:]
			continue
		}
		if a[0] != b[0] {
			return int(a[0]) - int(b[0])
		}
		a, b = a[1:], b[1:]
	}
	return len(a) - len(b)
}

// digits returns how many digits s begins with.
func digits(s string) int {
	return len(s) - len(strings.TrimLeft(s, "0123456789"))
}
