package soak

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"lambda-r-runtime/test/kit/board"
	"lambda-r-runtime/test/kit/lambda"
	"lambda-r-runtime/test/kit/proc"
)

// patience guards against a hang.
const patience = 60 * time.Second

// timeout is that of the function. R is interrupted at its half and killed at three quarters.
const timeout = 6 * time.Second

// An arena is a bootstrap local with its R processes.
type arena struct {
	t       *testing.T
	program *lambda.Program
	workers int
	forks   bool
	dir     string // TMPDIR of bootstrap
	probe   string // the file that the probe writes
	url     string
}

// build builds bootstrap with the probe.
func build(t *testing.T) (program string) {
	t.Helper()
	if _, err := exec.LookPath("R"); err != nil {
		t.Fatal("R is not installed: run make test, which installs it")
	}
	probe, err := filepath.Abs("testdata/probe.go")
	if err != nil {
		t.Fatal(err)
	}
	added, err := filepath.Abs("../../cmd/bootstrap/soakprobe.go")
	if err != nil {
		t.Fatal(err)
	}
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {added: probe}})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(overlay, replace, 0o600); err != nil {
		t.Fatal(err)
	}
	program, err = lambda.Build(t.TempDir(), "cmd/bootstrap", "-overlay", overlay)
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// start starts bootstrap for a plan; env adds to its environment.
func start(t *testing.T, program string, p plan, env ...string) *arena {
	t.Helper()
	a := &arena{t: t, workers: p.workers, forks: p.forks, dir: t.TempDir(), probe: filepath.Join(t.TempDir(), "probe")}
	cmd := exec.Command(program, "local", "--addr", "127.0.0.1:0", "--http", "--timeout", timeout.String(),
		"--concurrency", strconv.Itoa(p.workers), "soak.run")
	cmd.Dir = "testdata"
	cmd.Env = slices.Concat(os.Environ(), []string{"TMPDIR=" + a.dir, "SOAK_PROBE=" + a.probe, "LAMBDA_R_DEADLINE_MARGIN=1h",
		"XDG_CACHE_HOME=" + t.TempDir()}, p.env(), env)
	var err error
	if a.program, err = lambda.Start(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		if err := a.program.Stop(syscall.SIGTERM, patience); err != nil {
			t.Error(err)
		}
		if left := a.files(); len(left) > 0 && len(env) == 0 {
			t.Errorf("files are left: %v", left)
		}
	})
	served := a.program.Output.WaitFor(patience, regexp.MustCompile(`is served on (http://127\.0\.0\.1:\d+)`))
	if served == nil {
		t.Fatalf("bootstrap does not serve; it printed:\n%s", a.program.Output.String())
	}
	a.url = served[1]
	return a
}

// measure takes a sample while nothing else runs.
func (a *arena) measure() sample {
	a.t.Helper()
	workers := a.facts() // when it returns, all workers are ready
	http.DefaultClient.CloseIdleConnections()
	pid := a.program.Cmd.Process.Pid
	probed := a.ask()
	s := sample{
		"live heap of bootstrap":        float64(probed.Heap) / 1e6,
		"resident memory of bootstrap":  residentMB(pid),
		"goroutines":                    float64(probed.Goroutines),
		"file descriptors of bootstrap": descriptors(pid),
		"files in TMPDIR":               float64(len(a.files())),
		"processes":                     float64(len(a.program.Processes())),
		"zombies":                       zombies(pid),
	}
	for _, w := range workers {
		for name, value := range map[string]float64{
			"file descriptors of R": descriptors(w.PID), "heap of R": w.HeapMB, "memory of R": a.memoryMB(w.PID),
			"connections of R": w.Connections, "global objects of R": w.Objects,
		} {
			s[name] = max(s[name], value)
		}
		if w.Loader != w.PID && proc.Alive(w.Loader) {
			s["file descriptors of the template"], s["memory of the template"] = descriptors(w.Loader), a.memoryMB(w.Loader)
		}
	}
	a.program.Output.Reset() // it would need ever more memory
	return s
}

// A probed is what the probe writes.
type probed struct{ Heap, Goroutines uint64 }

func (a *arena) ask() (p probed) {
	a.t.Helper()
	a.program.Signal(syscall.SIGUSR1)
	answered := board.Poll(patience, func() bool {
		text, err := os.ReadFile(a.probe)
		return err == nil && json.Unmarshal(text, &p) == nil
	})
	if !answered {
		a.t.Fatalf("bootstrap does not answer the probe; it printed:\n%s", a.program.Output.String())
	}
	if err := os.Remove(a.probe); err != nil {
		a.t.Fatal(err)
	}
	return p
}

// A workerFacts is what a worker reports about itself.
type workerFacts struct {
	PID         int     `json:"pid"`
	Loader      int     `json:"loader"` // the R that has loaded the function: the template if this one was forked
	HeapMB      float64 `json:"heap_mb"`
	Connections float64 `json:"connections"`
	Objects     float64 `json:"objects"`
}

// facts asks all workers at the same time, as soon as all are ready.
func (a *arena) facts() (facts []workerFacts) {
	a.t.Helper()
	var err error
	answered := board.Poll(patience, func() bool {
		facts, err = a.askWorkers()
		return err == nil
	})
	if !answered {
		a.t.Fatalf("not all workers are ready: %v; bootstrap printed:\n%s", err, tail(a.program.Output.String()))
	}
	return facts
}

func (a *arena) askWorkers() ([]workerFacts, error) {
	dir, err := os.MkdirTemp(filepath.Dir(a.probe), "facts-")
	if err != nil {
		return nil, err
	}
	event := fmt.Sprintf(`{"what": "facts", "dir": %q, "workers": %d}`, dir, a.workers)
	answers := make(chan error, a.workers)
	facts := make([]workerFacts, a.workers)
	for i := range facts {
		go func() { // received below
			answer, err := a.invoke(event)
			if err == nil {
				err = json.Unmarshal([]byte(answer.Body), &facts[i])
			}
			if err == nil && facts[i].PID == 0 {
				err = errors.New(answer.Body)
			}
			answers <- err
		}()
	}
	for range facts {
		err = errors.Join(err, <-answers)
	}
	return facts, err
}

// invoke calls the Invoke API.
func (a *arena) invoke(event string, header ...string) (lambda.Answer, error) {
	return a.request(http.MethodPost, lambda.InvokePath, event, header...)
}

func (a *arena) request(method, path, body string, header ...string) (lambda.Answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return lambda.Request(ctx, method, a.url+path, body, header...)
}

// files returns the files and folders in TMPDIR.
func (a *arena) files() (paths []string) {
	_ = filepath.WalkDir(a.dir, func(path string, _ os.DirEntry, err error) error { // a worker may remove them meanwhile
		if err == nil && path != a.dir {
			paths = append(paths, path)
		}
		return nil
	})
	return paths
}

// memoryMB returns the memory of an R. What it shares with others is divided among them if workers are
// forked.
func (a *arena) memoryMB(pid int) float64 {
	if !a.forks {
		return residentMB(pid)
	}
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid)) // fails only if it has ended
	_, pss, _ := strings.Cut(string(text), "\nPss:")
	var kb float64
	if _, err := fmt.Sscan(pss, &kb); err != nil {
		return -1 // likewise
	}
	return kb / 1e3
}

// residentMB returns the resident memory of a process.
func residentMB(pid int) float64 {
	var size, pages float64
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err == nil {
		_, err = fmt.Sscan(string(text), &size, &pages)
	}
	if err != nil {
		return -1 // it has ended, which the next invocation finds
	}
	return pages * float64(os.Getpagesize()) / 1e6
}

// descriptors returns how many file descriptors a process has.
func descriptors(pid int) float64 {
	fds, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid)) // fails only if it has ended
	return float64(len(fds))
}

// zombies returns how many children a process has not waited for.
func zombies(parent int) float64 {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the only error is a bad pattern
	stats = slices.DeleteFunc(stats, func(path string) bool {
		pid, _ := strconv.Atoi(strings.Split(path, "/")[2]) // the pattern allows only digits
		state, of := proc.Stat(pid)
		return state != 'Z' || of != parent
	})
	return float64(len(stats))
}
