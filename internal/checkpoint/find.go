//go:build linux

package checkpoint

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Variable names the CRIU to use, if it is not the one on the PATH.
const Variable = "LAMBDA_R_CRIU"

// minVersion is the first CRIU that can dump the pidfds that Go's os package keeps of children.
const minVersion = "4.1"

// checkLimit is how long each call of criu in Find may take. It takes some 50 ms.
const checkLimit = 10 * time.Second

// A Tool is a CRIU that works on this machine.
type Tool struct {
	// Version is the version of CRIU.
	Version string

	path string
}

// Find returns the CRIU of the machine, or why there is none that works.
func Find(ctx context.Context, getenv func(string) string) (*Tool, error) {
	name := getenv(Variable)
	if name == "" {
		name = "criu"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return nil, fmt.Errorf("CRIU is not installed: %w; install CRIU %s or later, or set %s to its path", err, minVersion, Variable)
	}
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("%s needs root: run bootstrap as root", path)
	}
	t := &Tool{path: path}
	if t.Version, err = t.version(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	output, err := run(ctx, exec.Command(path, "check"))
	if err != nil {
		return nil, fmt.Errorf("%s cannot work on this machine, as criu check shows: %w%s; a container needs the option --privileged",
			path, err, lastErrors(output))
	}
	return t, nil
}

// version returns the version of CRIU, or an error if it is too old.
func (t *Tool) version(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	output, err := run(ctx, exec.Command(t.path, "--version"))
	if err != nil {
		return "", fmt.Errorf("%s --version: %w%s", t.path, err, lastErrors(output))
	}
	for _, line := range output {
		if version, ok := strings.CutPrefix(line, "Version: "); ok {
			if olderThan(version, minVersion) {
				return "", fmt.Errorf("%s is CRIU %s: install %s or later, or set %s to the path of one", t.path, version, minVersion, Variable)
			}
			return version, nil
		}
	}
	return "", fmt.Errorf("%s --version printed no version: is it CRIU?", t.path)
}

// olderThan reports whether version a is older than b. Both begin with two numbers and a dot.
func olderThan(a, b string) bool {
	var aMajor, aMinor, bMajor, bMinor int
	// If a part is not a number, it and the rest count as 0.
	_, _ = fmt.Sscanf(a, "%d.%d", &aMajor, &aMinor)
	_, _ = fmt.Sscanf(b, "%d.%d", &bMajor, &bMinor)
	return aMajor < bMajor || aMajor == bMajor && aMinor < bMinor
}
