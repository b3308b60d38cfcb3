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

// What the Makefile says.
var (
	image      = os.Getenv("IMAGE")
	engine     = strings.Fields(os.Getenv("ENGINE"))      // podman or docker, maybe with options
	buildFlags = strings.Fields(os.Getenv("BUILD_FLAGS")) // of its build
)

func TestMain(m *testing.M) {
	if image == "" || len(engine) == 0 {
		os.Stderr.WriteString("these tests want an image and what runs it: start them with make image-test\n")
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// command is podman or docker with these arguments.
func command(args ...string) *exec.Cmd {
	cmd := exec.Command(engine[0], append(engine[1:len(engine):len(engine)], args...)...)
	cmd.Dir = os.TempDir() // podman's monitor may leave a file there
	return cmd
}

// output runs podman or docker and returns what it printed on stdout.
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

// build builds an image in the folder dir of testdata, or of any folder for an absolute
// one, and removes it when the test ends. Options are those of the build command.
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

// isPodman reports whether the engine is podman, also under docker's name.
var isPodman = sync.OnceValue(func() bool {
	out, _ := command("--version").Output() // it has run before
	return bytes.Contains(out, []byte("podman"))
})

// rlimits are Lambda's.
func rlimits() []string {
	return []string{"--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"}
}

// memoryMB is the memory of the function.
const memoryMB = "512"

// lambdaLimits are the options that hold a container to what Lambda lets a function do:
// nothing can be written but /tmp, the user has no name and no home and no capability,
// and there is no shared memory. It has the host's network, so that it reaches the test.
func lambdaLimits() []string {
	limits := append(rlimits(), "--network", "host", "--read-only",
		"--tmpfs", "/tmp:rw,exec,size=512m,mode=1777", "--ipc", "none", "--user", "993:990",
		"--cap-drop", "all", "--security-opt", "no-new-privileges",
		"--memory", memoryMB+"m", "--memory-swap", memoryMB+"m")
	if isPodman() {
		limits = append(limits, "--read-only-tmpfs=false") // more than /tmp otherwise
	}
	return limits
}
