//go:build image

package image

import (
	"strings"
	"testing"
)

// bare removes what a container engine adds to /dev, and becomes Lambda's user.
const bare = `rm /dev/fd /dev/stdin /dev/stdout /dev/stderr
exec setpriv --reuid 993 --regid 990 --clear-groups bootstrap functions.handle`

// The image serves and draws in the environment of AWS's own images, which are of Amazon Linux:
// there is no /dev/fd, libraries come from /var/lang/lib first, the locale is not installed, and
// the time zone is a file.
func TestAmazonLinux(t *testing.T) {
	built := build(t, "function")
	for tz, zone := range map[string]string{":UTC": "UTC", ":/etc/localtime": "Etc/UTC"} {
		f := startLambda(t, []string{
			"--user", "0", "--cap-add", "SETUID,SETGID", "--entrypoint", "sh",
			"--env", "PATH=/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
			"--env", "LD_LIBRARY_PATH=/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
			"--env", "LANG=en_US.UTF-8",
			"--env", "TZ=" + tz,
		}, built, "-c", bare)
		want := `{"fd":false,"utf8":true,"zone":"` + zone + `"}`
		if got := f.result(`{"what": "system"}`); got != want {
			t.Errorf("with TZ=%s R finds %s, want %s", tz, got, want)
		}
		if ink(t, f, "text=MMMM") == 0 {
			t.Error("it does not draw")
		}
		if strings.Contains(f.output(), "LC_") {
			t.Errorf("R does not find its locale:\n%s", f.output())
		}
	}
}
