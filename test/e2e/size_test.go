package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// maxBinary is the largest size of the binary that make build makes, in bytes. Each cold start reads
// it.
const maxBinary = 9_500_000

func TestSizeOfTheBinary(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bootstrap")
	build := exec.Command("go", "build", "-tags", "nethttpomithttp2", "-trimpath", "-ldflags", "-s -w", "-o", path, "lambda-r-runtime/cmd/bootstrap")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH=amd64")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > maxBinary {
		t.Errorf("the binary has %d bytes, at most %d are allowed", info.Size(), maxBinary)
	}
}
