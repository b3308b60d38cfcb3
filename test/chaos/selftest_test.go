package chaos

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"lambda-r-runtime/internal/planted"
)

// Each bug that is planted makes the suite fail, with the invariant that it breaks;
// without one, the same binary passes.
func TestChaosSelfTest(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "chaos.test")
	if out, err := exec.Command("go", "test", "-c", "-tags", "planted", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("build with bugs to plant: %v\n%s", err, out)
	}
	tests := []struct {
		bug, cells, breaks string
	}{
		{"", "wrong id,SIGKILL/mid-handler,grandchild", ""},
		{planted.IDCheckDropped, "wrong id/mid-handler", inv3},
		{planted.Resent, "SIGKILL/mid-handler", inv2},
		{planted.OnlyPidKilled, "grandchild/mid-handler,grandchild/mid-response", inv6},
	}
	for _, test := range tests {
		t.Run("planted: "+test.bug, func(t *testing.T) {
			t.Parallel()
			run := exec.CommandContext(t.Context(), bin, "-test.run=^TestChaosFake$", "-test.v", "-test.timeout=2m",
				"-chaos.rounds=3", "-chaos.cells="+test.cells)
			run.Env = append(os.Environ(), "PLANTED_BUG="+test.bug)
			out, err := run.CombinedOutput()
			switch {
			case test.breaks == "" && err != nil:
				t.Errorf("the suite fails without a bug: %v\n%s", err, out)
			case test.breaks != "" && err == nil:
				t.Errorf("the suite does not find it:\n%s", out)
			case test.breaks != "" && !strings.Contains(string(out), "broken: "+test.breaks):
				t.Errorf("the suite fails, but not for %q: %v\n%s", test.breaks, err, out)
			}
		})
	}
}
