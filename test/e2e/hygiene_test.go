package e2e

import (
	"testing"
)

// One invocation must not damage the next.
func TestHygiene(t *testing.T) {
	p := start(t, "hygiene", []string{"LC_ALL=C.UTF-8"}, "local", "--addr", "127.0.0.1:0", "hygiene.f")
	f := function{t, p.waitFor(`is served on (http://127\.0\.0\.1:\d+)`)[1]}
	const event = `{"größe":1}`
	fresh := f.result(event)
	for _, damage := range []string{
		"removes_tempdir", "empties_tmp", "child_quits", "changes_directory", "changes_locale", "sends_file",
	} {
		for range 2 {
			f.result(`{"run":"` + damage + `"}`)
			if got := f.result(event); got != fresh {
				t.Errorf("after %s, the next invocation finds %s, want %s", damage, got, fresh)
			}
		}
	}
	// Options and environment variables stay, as in any warm runtime.
	f.result(`{"run":"sets_option"}`)
	if got := f.result(event); got == fresh {
		t.Errorf("an option and an environment variable did not stay: %s", got)
	}
}
