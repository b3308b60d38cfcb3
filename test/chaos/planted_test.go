package chaos

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A plantedBug is a change of the production code that breaks an invariant.
type plantedBug struct {
	name   string
	dir    string // the package that is changed
	old    string // occurs once in it
	new    string
	cells  string // the cells that find it
	breaks string // the invariant that they report as broken
}

var plantedBugs = []plantedBug{
	{
		name: "the id of a reply is not checked", dir: "worker",
		old: "if reply.ID != id {", new: "if false {",
		cells: "wrong id/busy in handler", breaks: inv3,
	},
	{
		name: "an invocation is sent again after a crash", dir: "supervisor",
		old: "return outcome{report: reportOf(failure)}", new: "return outcome{resend: true}",
		cells: "SIGKILL/busy in handler", breaks: inv2,
	},
	{
		name: "a kill spares the process group", dir: "worker/process",
		old: "return -p.pid", new: "return p.pid",
		cells: "grandchild/busy in handler,grandchild/busy in response", breaks: inv6,
	},
	{
		name: "a transition has the wrong state", dir: "supervisor",
		old: "Dispatched{At: s.enter(StateBusy)", new: "Dispatched{At: s.enter(StateBackoff)",
		cells: "SIGKILL/busy in handler", breaks: inv9,
	},
}

// TestChaosFindsPlantedBugs plants each bug and runs the suite, which must fail with the
// invariant that the bug breaks. The bugs live in patched copies that only the build of the suite
// sees, by go test -overlay. TestChaosFake is the counterpart: without a bug the suite passes.
func TestChaosFindsPlantedBugs(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the suite for each bug")
	}
	for _, bug := range plantedBugs {
		t.Run(bug.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			bin := filepath.Join(dir, "chaos.test")
			build := exec.CommandContext(t.Context(), "go", "test", "-c", "-overlay", bug.overlay(t, dir), "-o", bin, ".")
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("build with the bug: %v\n%s", err, out)
			}
			run := exec.CommandContext(t.Context(), bin, "-test.run=^TestChaosFake$", "-test.v", "-test.timeout=2m",
				"-chaos.rounds=3", "-chaos.cells="+bug.cells)
			out, err := run.CombinedOutput()
			switch {
			case err == nil:
				t.Errorf("the suite does not find it:\n%s", out)
			case !strings.Contains(string(out), "broken: "+bug.breaks):
				t.Errorf("the suite fails, but not for %q: %v\n%s", bug.breaks, err, out)
			}
		})
	}
}

// overlay writes the patched copy into dir, and the file that go test -overlay takes.
func (b plantedBug) overlay(t *testing.T, dir string) string {
	t.Helper()
	path, text := b.source(t)
	patched := filepath.Join(dir, filepath.Base(path))
	overlay := filepath.Join(dir, "overlay.json")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {path: patched}})
	if err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string]string{
		patched: strings.Replace(text, b.old, b.new, 1),
		overlay: string(replace),
	} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return overlay
}

// source returns the one file of the package that has the code to change.
func (b plantedBug) source(t *testing.T) (path, text string) {
	t.Helper()
	folder, err := filepath.Abs(filepath.Join("../..", b.dir))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(source), b.old); n > 0 && !strings.HasSuffix(file, "_test.go") {
			found += n
			path, text = file, string(source)
		}
	}
	if found != 1 {
		t.Fatalf("%s has %q %d times, want once: adapt the planted bug to the code", b.dir, b.old, found)
	}
	return path, text
}
