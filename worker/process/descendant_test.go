//go:build linux

package process

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"
)

func TestDescendants(t *testing.T) {
	marker := fmt.Sprintf("PROCESS_TEST_MARKER=%d", os.Getpid())
	// A child; its child, whose environment has no marker; an orphan in a session of its own, whose
	// environment has it; and a zombie.
	script := `
		sh -c 'env -i sleep 1001 & wait' &
		setsid -f sleep 1002
		(exit) &
		exec sleep 1003`
	cmd := exec.Command("sh", "-c", script)
	cmd.Env = append(os.Environ(), marker)
	p, err := Start(cmd, Options{Marker: marker})
	if err != nil {
		t.Fatal(err)
	}
	endWith(t, p)
	other := start(t, "exec sleep 1004", Options{}) // no descendant

	want := []string{"sh", "sleep", "sleep"}
	var got []string
	waitUntil(t, fmt.Sprintf("descendants are %q", want), func() bool {
		got = nil
		for _, d := range p.Descendants() {
			if d.PID == p.PID() || d.PID == other.PID() {
				t.Fatalf("%+v is not a descendant", d)
			}
			got = append(got, d.Name)
		}
		slices.Sort(got)
		return slices.Equal(got, want)
	})
	p.Kill("it was examined")
	p.Wait()
	if left := p.Descendants(); left != nil {
		t.Errorf("after its death: %+v", left)
	}
}
