package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// limitedFunction writes and allocates.
const limitedFunction = `
run <- function(what, with = NULL) switch(what,
  write = { writeLines("x", with); "written" },
  temporary = { writeLines("x", tempfile()); "written" },
  allocate = length(rep(1, with * 131072))
)
`

// Without --strict, bootstrap local warns of what Lambda would not allow.
func TestLocalWarnsOfLimits(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "app.R"), limitedFunction)
	p, f := startLocal(t, "app.run", []string{"LAMBDA_TASK_ROOT=" + dir}, "--memory", "200")
	f.result(`{"what": "temporary"}`)
	f.result(`{"what": "allocate", "with": 1}`)
	if out := p.output(); strings.Contains(out, "WRN") {
		t.Errorf("warned:\n%s", out)
	}
	f.result(`{"what": "write", "with": "out.txt"}`)
	p.waitFor(`WRN file written in the task folder, which is read-only in Lambda .*path=out\.txt`)
	f.result(`{"what": "allocate", "with": 300}`)
	p.waitFor(`WRN R used more than --memory, in Lambda it would be killed .*used_mb=[3-9]\d\d memory_mb=200`)
}

// With --strict, a write outside /tmp fails and too much memory kills R, if the machine allows
// bootstrap to enforce it. If it does not, bootstrap says so and serves the function anyway.
func TestStrict(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "app.R"), limitedFunction)
	elsewhere := filepath.Join("/var/tmp", "lambda-r-strict-"+filepath.Base(dir))
	p, f := startLocal(t, "app.run", []string{"LAMBDA_TASK_ROOT=" + dir}, "--memory", "200", "--strict")
	if strings.Contains(p.output(), "--strict cannot make folders read-only on this machine") {
		f.result(`{"what": "temporary"}`)
	} else {
		p.waitFor(`INF only /tmp is writable, in a mount namespace`)
		f.result(`{"what": "temporary"}`)
		for _, path := range []string{"out.txt", elsewhere} {
			if e := f.failure(`{"what": "write", "with": "` + path + `"}`); !strings.HasSuffix(e.Message, "Read-only file system") {
				t.Errorf("%s: %q", path, e.Message)
			}
		}
		writeFile(t, filepath.Join(dir, "out.txt"), "the machine itself sees no change")
	}
	if strings.Contains(p.output(), "--strict cannot limit memory on this machine") {
		f.result(`{"what": "allocate", "with": 300}`)
		return
	}
	p.waitFor(`INF memory is limited, by a control group .*memory_mb=200`)
	if e := f.failure(`{"what": "allocate", "with": 300}`); e.Type != "Runtime.OutOfMemory" || !strings.Contains(e.Message, "of 200 MB") {
		t.Errorf("got %+v", e)
	}
	f.result(`{"what": "allocate", "with": 1}`)
	if err := p.Stop(syscall.SIGINT, patience); err != nil {
		t.Error(err)
	}
	if strings.Contains(p.output(), "control group not removed") {
		t.Errorf("printed\n%s", p.output())
	}
}

// An ordinary user can enforce nothing. The log warns of that and says how to change it.
func TestStrictWithoutRights(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "app.R"), limitedFunction)
	cmd := exec.Command(bootstrap, "local", "--addr", "127.0.0.1:0", "--strict", "app.run")
	cmd.Env = append(os.Environ(), "LAMBDA_TASK_ROOT="+dir)
	if os.Getuid() == 0 {
		const nobody = 65534
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		for _, path := range []string{filepath.Dir(bootstrap), filepath.Dir(dir), dir} {
			if err := os.Chmod(path, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	p, err := startCommand(t, cmd)
	if err != nil {
		t.Fatal(err)
	}
	p.waitFor(`WRN --strict cannot limit memory on this machine .*fix=".*systemd-run`)
	p.waitFor(`WRN --strict cannot make folders read-only on this machine .*fix=".*SYS_ADMIN`)
	url := p.waitFor(`is served on (http://127\.0\.0\.1:\d+)`)[1]
	function{t, url}.result(`{"what": "temporary"}`)
}
