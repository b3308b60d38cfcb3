//go:build image

package image

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// The settings that the Makefile passes on.
var (
	image      = os.Getenv("IMAGE")
	engine     = strings.Fields(os.Getenv("ENGINE"))      // podman or docker, possibly with options
	buildFlags = strings.Fields(os.Getenv("BUILD_FLAGS")) // options of its build command
)

func TestMain(m *testing.M) {
	if image == "" || len(engine) == 0 {
		os.Stderr.WriteString("these tests need an image and an engine: run make image-test\n")
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// command returns a command of podman or docker.
func command(args ...string) *exec.Cmd {
	cmd := exec.Command(engine[0], append(engine[1:len(engine):len(engine)], args...)...)
	cmd.Dir = os.TempDir() // podman's monitor may leave a file there
	return cmd
}

// output runs a command of podman or docker and returns its standard output.
func output(t *testing.T, args ...string) string {
	t.Helper()
	cmd := command(args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%q: %v\n%s%s", cmd.Args, err, out, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// build builds an image in dir, a folder of testdata or an absolute path, and removes it when the
// test ends. Options are those of the build command.
func build(t *testing.T, dir string, options ...string) string {
	t.Helper()
	if !filepath.IsAbs(dir) {
		dir = absolute(t, filepath.Join("testdata", dir))
	}
	name := "lambda-r-runtime-test-" + strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-"))
	args := append([]string{"build", "-t", name, "--build-arg", "IMAGE=" + image}, buildFlags...)
	output(t, append(append(args, options...), dir)...)
	t.Cleanup(func() { output(t, "rmi", "--force", name) })
	return name
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// isPodman reports whether the engine is podman, even under docker's name.
var isPodman = sync.OnceValue(func() bool {
	out, _ := command("--version").Output() // an error would have shown before
	return bytes.Contains(out, []byte("podman"))
})

// rlimits returns Lambda's resource limits.
func rlimits() []string {
	return []string{"--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"}
}

// memoryMB is the memory of the function.
const memoryMB = "512"

// lambdaLimits returns options that limit a container as Lambda limits a function: only /tmp can
// be written, the user has no name, home or capability, and there is no shared memory. The network
// is the host's, so that the container reaches the test.
func lambdaLimits() []string {
	limits := append(rlimits(), "--network", "host", "--read-only",
		"--tmpfs", "/tmp:rw,exec,size=512m,mode=1777", "--ipc", "none", "--user", "993:990",
		"--cap-drop", "all", "--security-opt", "no-new-privileges",
		"--memory", memoryMB+"m", "--memory-swap", memoryMB+"m")
	if isPodman() {
		limits = append(limits, "--read-only-tmpfs=false") // otherwise more than /tmp can be written
	}
	return limits
}
