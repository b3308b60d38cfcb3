package e2e

import (
	"os"
	"testing"

	"lambda-r-runtime/test/kit/lambda"
)

// maxBinary is the largest size of the binary that is shipped, in bytes. Each cold start reads it.
const maxBinary = 9_500_000

func TestSizeOfTheBinary(t *testing.T) {
	t.Setenv("GOARCH", "amd64")
	path, err := lambda.BuildShipped(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > maxBinary {
		t.Errorf("the binary has %d bytes, at most %d are allowed", info.Size(), maxBinary)
	}
	t.Logf("the binary has %d bytes", info.Size())
}
