//go:build image

package image

import (
	"archive/zip"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// The layer, unpacked into /opt, serves a function with an R below /opt/R, in the environment of a
// zip function.
func TestLayer(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/layer")); err != nil {
		t.Fatal(err)
	}
	unzip(t, "../../bin/layer-"+runtime.GOARCH+".zip", filepath.Join(dir, "opt"))
	startLambda(t, []string{
		"--env", "_HANDLER=functions.parity",
		"--env", "LAMBDA_TASK_ROOT=/var/task",
		"--env", "LAMBDA_RUNTIME_DIR=/var/runtime",
		"--env", "PATH=/usr/local/bin:/usr/bin/:/bin:/opt/bin",
		"--env", "LD_LIBRARY_PATH=/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
		"--env", "TZ=:UTC",
	}, build(t, dir)).checkParity()
}

// unzip unpacks a zip into dir with the files' modes, as Lambda does.
func unzip(t *testing.T, path, dir string) {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, entry := range z.File {
		packed, err := entry.Open()
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(filepath.Join(dir, entry.Name), os.O_CREATE|os.O_WRONLY, entry.Mode())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(f, packed); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
