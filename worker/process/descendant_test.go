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
	out := newSink()
	// A grandchild whose environment has no marker, an orphan in a session of its own whose
	// environment has it, and a zombie. The pids of the first two are printed.
	script := `
		sh -c 'env -i sleep 1001 & echo $!; wait' &
		setsid -f sh -c 'echo $$; exec sleep 1002'
		sleep 0 &
		exec sleep 1003`
	cmd := exec.Command("sh", "-c", script)
	cmd.Env = append(os.Environ(), marker)
	p, err := Start(cmd, Options{Stdout: out.emit, Marker: marker})
	if err != nil {
		t.Fatal(err)
	}
	endWith(t, p)
	other := start(t, "exec sleep 1004", Options{}) // no descendant

	want := []string{"sh -c env -i sleep 1001 & echo $!; wait", "sleep 1001", "sleep 1002"}
	var got []string
	waitUntil(t, fmt.Sprintf("descendants are %q", want), func() bool {
		got = nil
		for _, d := range p.Descendants() {
			if d.PID == p.PID() || d.PID == other.PID() {
				t.Fatalf("%+v is not a descendant", d)
			}
			got = append(got, d.Command)
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
