//go:build image

package image

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

const megabyte = 1e6 // bytes

func TestSize(t *testing.T) {
	bytes, err := strconv.ParseFloat(output(t, "image", "inspect", "--format", "{{.Size}}", image), 64)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("image: %.0f MB", bytes/megabyte)
	if bytes > 200*megabyte {
		t.Error("it is to have 200 MB at most")
	}
}

func TestConfig(t *testing.T) {
	var config struct {
		User       string
		Entrypoint []string
		Cmd        []string
		Labels     map[string]string
	}
	text := output(t, "image", "inspect", "--format", "{{json .Config}}", image)
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		t.Fatal(err)
	}
	uid, _, _ := strings.Cut(config.User, ":")
	if n, err := strconv.Atoi(uid); err != nil || n == 0 {
		t.Errorf("the user is %q, want a number other than root's", config.User)
	}
	if len(config.Entrypoint) != 1 || filepath.Base(config.Entrypoint[0]) != "bootstrap" {
		t.Errorf("the entry point is %q, want bootstrap", config.Entrypoint)
	}
	if len(config.Cmd) != 1 || config.Cmd[0] != "functions.parity" {
		t.Errorf("the command is %q, want the parity example", config.Cmd)
	}
	if label := config.Labels["com.amazonaws.lambda.feature.snapstart"]; label != "Allow" {
		t.Errorf("the label for SnapStart is %q, want Allow", label)
	}
	said := output(t, append(append([]string{"run", "--rm", "--network", "none"}, rlimits()...), image, "version")...)
	version, commit := config.Labels["org.opencontainers.image.version"], config.Labels["org.opencontainers.image.revision"]
	if version == "" || commit == "" || !strings.Contains(said, " "+version+" ") || !strings.Contains(said, "commit "+commit) {
		t.Errorf("the image is of version %q and commit %q, the binary of %q", version, commit, said)
	}
}

// The binary is small and static, describes its build, and is the same in both images.
func TestBinary(t *testing.T) {
	path := bootstrap(t, image)
	binary, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("bootstrap: %.1f MB", float64(len(binary))/megabyte)
	if len(binary) > 9.5*megabyte {
		t.Error("it is to have 9.5 MB at most")
	}
	if alone, err := os.ReadFile(bootstrap(t, image+":runtime")); err != nil || !bytes.Equal(alone, binary) {
		t.Errorf("%s:runtime has another binary, %v", image, err)
	}
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, part := range f.Progs {
		if part.Type == elf.PT_INTERP {
			t.Error("it wants a dynamic linker")
		}
	}
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, module := range info.Deps {
		if module.Sum == "" {
			t.Errorf("the module %s %s has no checksum", module.Path, module.Version)
		}
	}
	if len(info.Deps) == 0 {
		t.Error("it does not say which modules it is made of")
	}
}

// A build without cache produces the same bytes.
func TestReproducible(t *testing.T) {
	want, err := os.ReadFile(bootstrap(t, image))
	if err != nil {
		t.Fatal(err)
	}
	again := build(t, absolute(t, "../.."), append([]string{"--no-cache", "--target", "runtime"}, origin(t)...)...)
	if got, err := os.ReadFile(bootstrap(t, again)); err != nil || !bytes.Equal(got, want) {
		t.Errorf("a second build gave another binary, %v", err)
	}
}

// Go compiles for other machines.
func TestOtherArchitecture(t *testing.T) {
	other, machine := "arm64", elf.EM_AARCH64
	if runtime.GOARCH == "arm64" {
		other, machine = "amd64", elf.EM_X86_64
	}
	// Older versions of podman do not set BUILDPLATFORM if --platform is given.
	name := build(t, absolute(t, "../.."), "--target", "runtime",
		"--platform", "linux/"+other, "--build-arg", "BUILDPLATFORM=linux/"+runtime.GOARCH)
	f, err := elf.Open(bootstrap(t, name, "--platform", "linux/"+other))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Machine != machine {
		t.Errorf("the binary for %s is for %v", other, f.Machine)
	}
}

// origin returns the arguments of a build that gave the image its version and its commit.
func origin(t *testing.T) []string {
	t.Helper()
	const labels = `VERSION={{index .Config.Labels "org.opencontainers.image.version"}} ` +
		`COMMIT={{index .Config.Labels "org.opencontainers.image.revision"}}`
	version, commit, _ := strings.Cut(output(t, "image", "inspect", "--format", labels, image), " ")
	return []string{"--build-arg", version, "--build-arg", commit}
}

// bootstrap copies /bootstrap out of an image. Options are those of the create command.
func bootstrap(t *testing.T, image string, options ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bootstrap")
	id := output(t, append(append([]string{"create"}, options...), image)...)
	defer output(t, "rm", id)
	output(t, "cp", id+":/bootstrap", path)
	return path
}
