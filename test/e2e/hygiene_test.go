package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"lambda-r-runtime/test/kit/board"
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

// startAsProcess1 starts bootstrap as process 1 of a pid namespace of its own, as in a container.
func startAsProcess1(t *testing.T, dir string, args ...string) *program {
	t.Helper()
	if os.Getenv("R_VERSIONS") != "" {
		t.Skip("the containers of make test-r-versions cannot mount /proc")
	}
	cmd := exec.Command("sh", append([]string{"-c", `mount -t proc proc /proc && exec "$@"`, "sh", bootstrap}, args...)...)
	cmd.Dir = filepath.Join("testdata", dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWPID | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	p, err := startCommand(t, cmd)
	if errors.Is(err, syscall.EPERM) {
		t.Skip("the machine allows no user namespaces; TestOrphansAreReaped of worker/process needs none")
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// As process 1, bootstrap is the parent of every orphan, and reaps it while the worker lives.
func TestZombiesAsProcess1(t *testing.T) {
	p := startAsProcess1(t, "hygiene", "local", "--addr", "127.0.0.1:0", "hygiene.f")
	f := function{t, p.waitFor(`is served on (http://127\.0\.0\.1:\d+)`)[1]}
	pid := f.result(`{"run":"Sys.getpid"}`)
	for range 5 {
		f.result(`{"run":"leaves_orphans"}`)
	}
	var left string
	if !board.Poll(patience, func() bool {
		left = f.result(`{"run":"dead_processes"}`)
		return left == `{"zombies":0,"sleeps":0}`
	}) {
		t.Errorf("of 25 orphans, these are left: %s", left)
	}
	if got := f.result(`{"run":"Sys.getpid"}`); got != pid {
		t.Errorf("the worker is process %s, and was %s", got, pid)
	}
}

// bootstrap local warns once of a handler that leaves temporary files, and not of file_response(),
// whose files are deleted.
func TestTemporaryFilesAccumulate(t *testing.T) {
	p := start(t, "hygiene", nil, "local", "--addr", "127.0.0.1:0", "hygiene.f")
	f := function{t, p.waitFor(`is served on (http://127\.0\.0\.1:\d+)`)[1]}
	for range 10 {
		f.result(`{"run":"sends_file"}`)
	}
	for range 12 {
		f.result(`{"run":"leaves_file"}`)
	}
	p.waitFor(`WRN each invocation leaves more in tempdir\(\), .*invocations=5 files=\d+ bytes=\d+`)
	f.result(`{}`)
	if n := strings.Count(p.output(), "WRN"); n != 1 {
		t.Errorf("it warns %d times:\n%s", n, p.output())
	}
	if strings.Contains(p.output(), "files=1 ") {
		t.Errorf("files of file_response() are counted:\n%s", p.output())
	}
}
