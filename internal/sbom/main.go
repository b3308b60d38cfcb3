// Sbom writes the software bill of materials of a bootstrap: sbom VERSION BOOTSTRAP FILE. It is
// CycloneDX, and lists the modules and the standard library that Go has recorded in the binary.
package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: sbom VERSION BOOTSTRAP FILE")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

// run writes the bill of materials of the binary at bootstrap to the file at path.
func run(version, bootstrap, path string) error {
	binary, err := os.ReadFile(bootstrap)
	if err != nil {
		return err
	}
	info, err := buildinfo.Read(bytes.NewReader(binary))
	if err != nil {
		return fmt.Errorf("read the build information of %s: %w", bootstrap, err)
	}
	bom, err := materials(version, info, sha256.Sum256(binary))
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(encode(f, bom), f.Close())
}

// encode writes bom in the version of CycloneDX that scanners commonly read.
func encode(w io.Writer, bom *cdx.BOM) error {
	encoder := cdx.NewBOMEncoder(w, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false)
	return encoder.EncodeVersion(bom, cdx.SpecVersion1_6)
}

// materials returns the bill of materials of a binary with this build information and checksum.
// The same binary gives the same bill: it has neither a serial number nor a time.
func materials(version string, info *debug.BuildInfo, sum [sha256.Size]byte) (*cdx.BOM, error) {
	root := module(cdx.ComponentTypeApplication, info.Main.Path, version)
	root.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum[:])}}
	root.Licenses = &cdx.Licenses{{License: &cdx.License{ID: "MIT"}}}
	root.Properties = &[]cdx.Property{}
	for _, s := range info.Settings {
		*root.Properties = append(*root.Properties, cdx.Property{Name: "go:build:" + s.Key, Value: s.Value})
	}

	components := []cdx.Component{module(cdx.ComponentTypeLibrary, "std", strings.TrimPrefix(info.GoVersion, "go"))}
	for _, dep := range info.Deps {
		if dep.Replace != nil {
			dep = dep.Replace
		}
		c := module(cdx.ComponentTypeLibrary, dep.Path, dep.Version)
		sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(dep.Sum, "h1:"))
		if err != nil {
			return nil, fmt.Errorf("the checksum of %s: %w", dep.Path, err)
		}
		if len(sum) > 0 { // a module that is replaced by a folder has none
			c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum)}}
		}
		components = append(components, c)
	}
	uses := make([]string, len(components))
	for i, c := range components {
		uses[i] = c.BOMRef
	}

	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{Component: &root}
	bom.Components = &components
	bom.Dependencies = &[]cdx.Dependency{{Ref: root.BOMRef, Dependencies: &uses}}
	return bom, nil
}

// module returns the component of a Go module.
func module(kind cdx.ComponentType, path, version string) cdx.Component {
	purl := "pkg:golang/" + path + "@" + version
	return cdx.Component{Type: kind, Name: path, Version: version, BOMRef: purl, PackageURL: purl}
}
