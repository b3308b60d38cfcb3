package rscripts

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"time"
)

// packageName is the name of the R package with the functions that users call.
const packageName = "lambdaruntime"

//go:embed package/DESCRIPTION package/NAMESPACE package/LICENSE package/man/*.Rd
var packageFiles embed.FS

var versionLine = regexp.MustCompile(`(?m)^Version: (\S+)$`)

// PackageFile returns the name of the R package's tarball, which has its version.
func PackageFile() string { return packageName + "_" + packageVersion() + ".tar.gz" }

func packageVersion() string {
	description, err := packageFiles.ReadFile("package/DESCRIPTION")
	if err != nil {
		panic(err) // the file is in the binary
	}
	return string(versionLine.FindSubmatch(description)[1])
}

// Package returns the source tarball of the R package, as R CMD build would make it. Its bytes
// depend on nothing but the embedded files.
func Package() ([]byte, error) {
	var b bytes.Buffer
	zip, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	archive := tar.NewWriter(zip)
	if err := addPackage(archive); err != nil {
		return nil, fmt.Errorf("write the package %s: %w", packageName, err)
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	if err := zip.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// addPackage adds the package's folder. R reads the files of a package in the order of their names,
// so the name of each R file begins with that of its room.
func addPackage(archive *tar.Writer) error {
	err := addTree(archive, packageFiles, "package", packageName)
	if err != nil {
		return err
	}
	for _, name := range packageCode() {
		if err := addFile(archive, path.Join(packageName, "R", strings.ReplaceAll(name, "/", "-")), read(name)); err != nil {
			return err
		}
	}
	return addTree(archive, events, "tests/testthat/events", path.Join(packageName, "inst/events"))
}

// packageCode returns the names of the package's R files.
func packageCode() []string { return without("loop", "fork", "snapshot", "debug", "web") }

// addTree adds the files of tree below the folder from to the folder to.
func addTree(archive *tar.Writer, tree embed.FS, from, to string) error {
	return fs.WalkDir(tree, from, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := tree.ReadFile(name)
		if err != nil {
			return err
		}
		return addFile(archive, to+strings.TrimPrefix(name, from), text)
	})
}

// packaged is the modification time of the package's files.
var packaged = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func addFile(archive *tar.Writer, name string, text []byte) error {
	header := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(text)), ModTime: packaged, Format: tar.FormatUSTAR}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err := archive.Write(text)
	return err
}
