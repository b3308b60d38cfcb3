package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// The bill of the program that runs this test lists what is in that program.
func TestRun(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var written [2][]byte
	for i, name := range []string{"one.json", "two.json"} {
		path := filepath.Join(dir, name)
		if err := run("v1.2.3", self, path); err != nil {
			t.Fatal(err)
		}
		if written[i], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(written[0], written[1]) {
		t.Error("the same binary gave two bills")
	}
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(written[0]), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	root := bom.Metadata.Component
	if bom.SpecVersion != cdx.SpecVersion1_6 || root.Name != "lambda-r-runtime" || root.Version != "v1.2.3" {
		t.Errorf("CycloneDX %v of %s %s", bom.SpecVersion, root.Name, root.Version)
	}
	binary, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(binary); (*root.Hashes)[0].Value != hex.EncodeToString(sum[:]) {
		t.Errorf("the checksum is %v", *root.Hashes)
	}

	info, _ := debug.ReadBuildInfo() // of the same binary
	listed := map[string]bool{}
	for _, c := range *bom.Components {
		listed[c.PackageURL] = true
		if c.Name != "std" && (c.Hashes == nil || len((*c.Hashes)[0].Value) != 64) {
			t.Errorf("%s has the hashes %v, want a SHA-256", c.Name, c.Hashes)
		}
	}
	want := []string{"pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go")}
	for _, dep := range info.Deps {
		want = append(want, "pkg:golang/"+dep.Path+"@"+dep.Version)
	}
	if len(want) < 2 || len(listed) != len(want) {
		t.Errorf("%d components, want %d", len(listed), len(want))
	}
	for _, purl := range want {
		if !listed[purl] {
			t.Errorf("%s is not listed", purl)
		}
	}
}

func TestRunOfNoProgram(t *testing.T) {
	dir := t.TempDir()
	text, bill := filepath.Join(dir, "text"), filepath.Join(dir, "bill.json")
	if err := os.WriteFile(text, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run("v1.2.3", text, bill); err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("error is %v, want one that names %s", err, text)
	}
	if _, err := os.Stat(bill); !os.IsNotExist(err) {
		t.Errorf("it left a file: %v", err)
	}
}
