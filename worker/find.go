package worker

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// NotFoundError reports that this machine has no R where FindR looked.
type NotFoundError struct {
	Looked []string
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("no R found; looked at %s. Install it (Debian, Ubuntu: apt-get install r-base-core r-cran-jsonlite), or set LAMBDA_R_BIN to the R executable",
		strings.Join(e.Looked, ", "))
}

// ErrorType is the name under which the Runtime API hears of it.
func (e *NotFoundError) ErrorType() string { return "Runtime.InvalidEntrypoint" }

// NotExecutableError reports a LAMBDA_R_BIN that cannot be run.
type NotExecutableError struct {
	Path string
	Err  error
}

func (e *NotExecutableError) Error() string {
	return fmt.Sprintf("LAMBDA_R_BIN is %q: %v; want the path of an R executable", e.Path, e.Err)
}

func (e *NotExecutableError) Unwrap() error { return e.Err }

// ErrorType is the name under which the Runtime API hears of it.
func (e *NotExecutableError) ErrorType() string { return "Runtime.InvalidEntrypoint" }

// FindR returns the path of the R executable. It looks, in this order, at
// LAMBDA_R_BIN, R_HOME/bin/R, R on the PATH, /opt/R/*/bin/R (the highest
// version) and where R is usually built to be. A LAMBDA_R_BIN that cannot be run
// is an error of its own: it was meant.
func FindR(getenv func(string) string) (string, error) {
	return findR(getenv, "/")
}

// findR looks for the places that have no variable below root.
func findR(getenv func(string) string, root string) (string, error) {
	missing := &NotFoundError{}
	if bin := getenv("LAMBDA_R_BIN"); bin != "" {
		path, err := exec.LookPath(bin)
		if err == nil || errors.Is(err, exec.ErrDot) {
			// R runs in another directory.
			path, err = filepath.Abs(path)
		}
		if err != nil {
			return "", &NotExecutableError{Path: bin, Err: err}
		}
		return path, nil
	}
	missing.Looked = append(missing.Looked, "LAMBDA_R_BIN (not set)")

	var places []string
	if home := getenv("R_HOME"); home != "" {
		places = append(places, filepath.Join(home, "bin", "R"))
	} else {
		missing.Looked = append(missing.Looked, "R_HOME (not set)")
	}
	for _, dir := range filepath.SplitList(getenv("PATH")) {
		if filepath.IsAbs(dir) {
			places = append(places, filepath.Join(dir, "R"))
		}
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

// compareVersions orders strings so that runs of digits compare as numbers:
// /opt/R/4.10.0 comes after /opt/R/4.9.1.
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

func digits(s string) int {
	return len(s) - len(strings.TrimLeft(s, "0123456789"))
}
