//go:build machines

package machines

import (
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"lambda-r-runtime/test/kit/proc"
)

// Where memfd_create is refused, as in an old kernel or by a sandbox, R gets its files all the same.
func TestNoMemfd(t *testing.T) {
	for name, errno := range map[string]unix.Errno{"an old kernel": unix.ENOSYS, "a sandbox": unix.EPERM} {
		t.Run(name, func(t *testing.T) {
			m := machine{refuse: refuse("memfd_create", errno)}
			checkInstall(t, m, functions(t), nil)
		})
	}
}

// Where prctl is refused, R is served, spawned, and killed with bootstrap all the same.
func TestNoPrctl(t *testing.T) {
	for _, fork := range []string{"never", "always"} {
		t.Run("fork "+fork, func(t *testing.T) {
			m := machine{refuse: refuse("prctl", unix.EPERM), env: []string{"LAMBDA_R_FORK=" + fork}}
			dir := functions(t)
			p, url := m.serve(t, dir, "functions.draw", "--concurrency", "2")
			checkPlot(t, url)
			if fork == "always" {
				waitFor(t, p, `WRN .*prctl: operation not permitted`)
			}
			workers := p.Processes()
			if len(workers) < 2 {
				t.Fatalf("bootstrap has the processes %v, want two workers", workers)
			}
			p.Signal(syscall.SIGKILL)
			if left := proc.WaitGone(patience, workers...); len(left) > 0 {
				t.Errorf("processes %v outlived bootstrap, which was killed", left)
			}
		})
	}
}

// A worker that dies is replaced there.
func TestNoPrctlCrash(t *testing.T) {
	m := machine{refuse: refuse("prctl", unix.ENOSYS)}
	_, url := m.serve(t, functions(t), "functions.die")
	for range 2 {
		if a := get(t, url); !strings.Contains(a.Body, "Internal Server Error") {
			t.Errorf("status %d, %s", a.Status, a.Body)
		}
	}
}

// Without a control group, memory is measured, and not limited.
func TestNoControlGroup(t *testing.T) {
	m := machine{setup: "mount -t tmpfs none /sys/fs/cgroup"}
	dir := functions(t)
	out, code := m.doctor(t, dir, "functions.draw")
	expectLines(t, out, "ok    memory: no limit here; in Lambda it is the function's memory")
	if code != 0 {
		t.Errorf("the doctor's exit status is %d; it printed:\n%s", code, out)
	}
	p, url := m.serve(t, dir, "functions.grow", "--memory", "100", "--strict")
	waitFor(t, p, `WRN --strict cannot limit memory on this machine .*no memory control group of this process can be read below /sys/fs/cgroup`)
	if a := get(t, url); a.Body != "10000000" {
		t.Errorf("status %d, %s", a.Status, a.Body)
	}
	waitFor(t, p, `WRN R used more than --memory`)
}

// Amazon Linux as Lambda has it: no /dev/fd, its own library path and time zone, and a locale that R
// does not know.
func TestAmazonLinux(t *testing.T) {
	m := machine{
		setup: `mkdir "$scratch/dev"
for device in null zero full random urandom; do
	touch "$scratch/dev/$device"
	mount --bind "/dev/$device" "$scratch/dev/$device"
done
mount --rbind "$scratch/dev" /dev`,
		env: []string{
			"LD_LIBRARY_PATH=/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
			"TZ=:UTC", "LANG=en_US.UTF-8", "PATH=/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
		},
	}
	checkInstall(t, m, functions(t), []string{`ok    TZ: :?UTC`})
}
