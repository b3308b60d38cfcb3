package chaos

import (
	"cmp"
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
	adds   string // a file of the package, if it needs one more
	test   string // that finds it; "" is TestChaosFake
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
	{
		name: "forked workers share a reply pipe", dir: "worker",
		old:  "if *each.pipe = (pipe{r, w}); each.read {",
		new:  "if each.pipe == &p.replies {\nr, w = planted(0, r), planted(1, w)\n}\nif *each.pipe = (pipe{r, w}); each.read {",
		adds: sharedPipe,
		test: "TestChaosFakeForked", cells: "SIGKILL/busy in handler", breaks: inv10,
	},
	{
		name: "a forked worker keeps the request pipe of its template", dir: "rscripts/fork",
		old: "list(io$requests, io$replies, io$out, io$err)", new: "list(io$replies, io$out, io$err)",
		test: "TestChaosRealForked", cells: "SIGKILL/busy in handler", breaks: inv10,
	},
	{
		name: "the watchdog forgets a process", dir: "worker/process",
		old: `test "$what" = - || groups="$groups $pid:$start"`, new: `test "$what" = - || groups="$pid:$start"`,
		test: "TestChaosRealForked", cells: "bootstrap SIGKILL/busy in handler", breaks: inv6,
	},
}

// sharedPipe returns, instead of f, a copy of the first file that it was called with for i.
const sharedPipe = `package worker

import (
	"os"

	"golang.org/x/sys/unix"
)

var plantedEnds [2]int

func planted(i int, f *os.File) *os.File {
	if plantedEnds[i] == 0 {
		raw, _ := f.SyscallConn()
		_ = raw.Control(func(fd uintptr) { plantedEnds[i], _ = unix.Dup(int(fd)) })
	}
	_ = f.Close()
	fd, _ := unix.Dup(plantedEnds[i])
	return os.NewFile(uintptr(fd), "shared")
}
`

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
			overlay := bug.overlay(t, dir)
			build := exec.CommandContext(t.Context(), "go", "test", "-c", "-overlay", overlay, "-o", bin, ".")
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("build with the bug: %v\n%s", err, out)
			}
			run := exec.CommandContext(t.Context(), bin, "-test.run=^"+cmp.Or(bug.test, "TestChaosFake")+"$", "-test.v", "-test.timeout=2m",
				"-chaos.rounds=3", "-chaos.cells="+bug.cells)
			run.Env = append(os.Environ(), "GOFLAGS=-overlay="+overlay) // for what the test builds
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

// overlay writes the patched copy and the added file into dir, and the file that -overlay takes.
func (b plantedBug) overlay(t *testing.T, dir string) string {
	t.Helper()
	path, text := b.source(t)
	patched := filepath.Join(dir, filepath.Base(path))
	overlay := filepath.Join(dir, "overlay.json")
	files := map[string]string{patched: strings.Replace(text, b.old, b.new, 1)}
	changes := map[string]string{path: patched}
	if b.adds != "" {
		added := filepath.Join(dir, "planted.go")
		files[added], changes[filepath.Join(filepath.Dir(path), "planted.go")] = b.adds, added
	}
	replace, err := json.Marshal(map[string]map[string]string{"Replace": changes})
	if err != nil {
		t.Fatal(err)
	}
	files[overlay] = string(replace)
	for file, content := range files {
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
	files, err := filepath.Glob(filepath.Join(folder, "*.*"))
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
