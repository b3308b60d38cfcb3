//go:build image

package image

import (
	"regexp"
	"testing"
)

// The image's doctor finds nothing that keeps functions from working: it exits with status 0.
func TestDoctor(t *testing.T) {
	args := append([]string{"run", "--rm", "--entrypoint", "bootstrap"}, lambdaLimits()...)
	report := output(t, append(args, image, "doctor", "functions.parity")...)
	for _, line := range []string{
		`ok    R: 4\.\d+\.\d+ at /usr/bin/R`,
		`ok    disk: writable in /tmp only, as in Lambda`,
		`ok    locale: C\.UTF-8`,
		`ok    shared libraries: found all that \d+ of \d+ packages need`,
		`ok    handler: functions\.parity was loaded`,
	} {
		if !regexp.MustCompile(`(?m)^` + line + `$`).MatchString(report) {
			t.Errorf("it does not print %q, but:\n%s", line, report)
		}
	}
}
