package worker

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// environOf returns the environment with which the process was started.
func environOf(t *testing.T, w *Worker) []string {
	t.Helper()
	return strings.Split(strings.TrimSuffix(readProc(t, w, "environ"), "\x00"), "\x00")
}

func readProc(t *testing.T, w *Worker, name string) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", w.PID(), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func readProcLink(t *testing.T, w *Worker, name string) string {
	t.Helper()
	target, err := os.Readlink(fmt.Sprintf("/proc/%d/%s", w.PID(), name))
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func TestProcess(t *testing.T) {
	c := newConfig(t, "echo", newLogbook())
	c.Env = append(c.Env, "GREETING=hello")
	w := spawn(t, c)

	if pgid, err := syscall.Getpgid(w.PID()); err != nil || pgid != w.PID() {
		t.Errorf("process group is %d, %v; want its own, %d", pgid, err, w.PID())
	}
	dir, err := filepath.EvalSymlinks(c.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := readProcLink(t, w, "cwd"); got != dir {
		t.Errorf("working directory is %s, want %s", got, dir)
	}
	if env := environOf(t, w); !slices.Contains(env, "GREETING=hello") {
		t.Errorf("environment is %q", env)
	}
	want := strings.Join([]string{c.Bin, "--no-echo", "--no-restore", "--no-save", "--file=/proc/self/fd/5", ""}, "\x00")
	if got := readProc(t, w, "cmdline"); got != want {
		t.Errorf("command line is %q, want %q", got, want)
	}
}

func TestFileDescriptors(t *testing.T) {
	spawnFake(t, "echo") // whose pipes must not leak into the next
	w, _ := spawnFake(t, "echo")
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", w.PID()))
	if err != nil {
		t.Fatal(err)
	}
	pipes := map[string]bool{}
	for _, entry := range entries {
		fd := entry.Name()
		target := readProcLink(t, w, "fd/"+fd)
		switch fd {
		case "0":
			if target != os.DevNull {
				t.Errorf("standard input is %s", target)
			}
		case "1", "2", "3", "4":
			if !strings.HasPrefix(target, "pipe:") || pipes[target] {
				t.Errorf("file descriptor %s is %s, want a pipe of its own", fd, target)
			}
			pipes[target] = true
			var pos, flags int
			if _, err := fmt.Sscanf(readProc(t, w, "fdinfo/"+fd), "pos: %d\nflags: %o", &pos, &flags); err != nil {
				t.Fatal(err)
			}
			if flags&syscall.O_NONBLOCK != 0 {
				t.Errorf("file descriptor %s is non-blocking, which R does not expect", fd)
			}
		case "5", "6":
			if !strings.HasPrefix(target, "/memfd:lambda-r-runtime.R") {
				t.Errorf("file descriptor %s is %s, want the script", fd, target)
			}
		default:
			// The Go runtime of the fake opens some, and those that this process was
			// started with are inherited.
			own := strings.HasPrefix(target, "anon_inode:") || strings.HasPrefix(target, "/sys/fs/cgroup/")
			if !own && !slices.Contains(inherited, fd+" "+target) {
				t.Errorf("file descriptor %s leaked: %s", fd, target)
			}
		}
	}
	if len(pipes) != 4 {
		t.Errorf("%d pipes, want four", len(pipes))
	}
}
