//go:build image

package image

import (
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The Dockerfiles of docs/image.md that need no package repository except Debian's.

// More of Debian's R packages can be installed, without their documentation.
func TestPageApt(t *testing.T) {
	f := startLambda(t, nil, buildPage(t, "apt", image), "functions.plot")
	a := f.call(http.MethodGet, "/", "")
	if picture, err := png.Decode(strings.NewReader(a.Body)); err != nil || picture.Bounds().Empty() {
		t.Errorf("no plot: status %d, %v: %.300s", a.Status, err, a.Body)
	}
	if broken := output(t, "exec", f.name, "dpkg", "--audit"); broken != "" {
		t.Errorf("dpkg says that packages are broken:\n%s", broken)
	}
	helps := output(t, "exec", f.name, "find", "/usr/lib/R", "-path", "*/help/*.rdb")
	if helps != "" {
		t.Errorf("there is help:\n%s", helps)
	}
}

func TestPagePackage(t *testing.T) {
	startLambda(t, nil, buildPage(t, "package", image)).checkParity()
}

// An image with R becomes a Lambda by copying the binary, or as the base of the Dockerfile.
func TestOtherBase(t *testing.T) {
	base := build(t, "rbase")
	t.Run("one line", func(t *testing.T) {
		startLambda(t, nil, buildPage(t, "rocker", base)).checkParity()
	})
	t.Run("base", func(t *testing.T) {
		built := build(t, absolute(t, "../.."), append(origin(t), "--build-arg", "BASE_IMAGE="+base)...)
		startLambda(t, nil, built).checkParity()
	})
}

// buildPage builds a Dockerfile of docs/image.md by its name, on another base.
func buildPage(t *testing.T, name, base string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/image.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(page), "\n```dockerfile "+name+"\n")
	if !found {
		t.Fatalf("docs/image.md has no Dockerfile %s", name)
	}
	block, _, _ = strings.Cut(block, "```")
	block = regexp.MustCompile(`(?m)^FROM .*`).ReplaceAllLiteralString(block, "FROM "+base)
	block = strings.ReplaceAll(block, "--from=lambda-r-runtime ", "--from="+image+" ")
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/page")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(block), 0o600); err != nil {
		t.Fatal(err)
	}
	return build(t, dir)
}
