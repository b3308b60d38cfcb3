package main

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestLayer(t *testing.T) {
	dir := t.TempDir()
	want := bytes.Repeat([]byte("a binary "), 10_000)
	bootstrap := filepath.Join(dir, "a build of bootstrap")
	if err := os.WriteFile(bootstrap, want, 0o600); err != nil {
		t.Fatal(err)
	}
	var zips [2][]byte
	for i, name := range []string{"one.zip", "two.zip"} {
		path := filepath.Join(dir, name)
		if err := run(bootstrap, path); err != nil {
			t.Fatal(err)
		}
		var err error
		if zips[i], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(zips[0], zips[1]) {
		t.Error("the same binary gave two layers")
	}
	z, err := zip.NewReader(bytes.NewReader(zips[0]), int64(len(zips[0])))
	if err != nil {
		t.Fatal(err)
	}
	if len(z.File) != 1 || z.File[0].Name != "bootstrap" || z.File[0].Mode() != 0o755 {
		t.Fatalf("the layer has %d files, the first %s %v; want an executable bootstrap", len(z.File), z.File[0].Name, z.File[0].Mode())
	}
	f, err := z.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, want) {
		t.Errorf("unpacked it is another file: %d bytes, %v; want %d", len(got), err, len(want))
	}
}

func TestLayerOfNothing(t *testing.T) {
	dir := t.TempDir()
	if err := run(filepath.Join(dir, "none"), filepath.Join(dir, "layer.zip")); !os.IsNotExist(err) {
		t.Errorf("error is %v, want that the binary does not exist", err)
	}
}
