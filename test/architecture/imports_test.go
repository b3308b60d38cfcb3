// Package architecture tests that the packages import each other in one direction only, and that
// the files that the pages name exist.
package architecture

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "lambda-r-runtime/"

// mayImport is the table of docs/architecture.md: the packages of this module that each of them may
// import. Every package must be in the table.
var mayImport = map[string][]string{
	"cmd/bootstrap": {
		"cmd/bootstrap/internal/proctree", "cmd/bootstrap/internal/watch", "console", "doctor", "durable", "emulator", "emulator/durable", "emulator/front", "internal/checkpoint",
		"internal/credentials", "internal/memfd", "internal/random",
		"lambdalog", "protocol", "protocol/runtimeapi", "rscripts", "supervisor", "worker", "worker/process", "worker/web",
	},
	"cmd/bootstrap/internal/proctree": {"worker/process"},
	"cmd/bootstrap/internal/watch":    {},

	"console":             {"emulator", "httpevent", "internal/random", "protocol", "protocol/runtimeapi", "supervisor"},
	"doctor":              {"internal/memfd", "protocol", "protocol/runtimeapi", "supervisor", "worker", "worker/process"},
	"durable":             {"internal/random", "protocol", "protocol/runtimeapi"},
	"emulator":            {"emulator/front", "protocol/runtimeapi"},
	"emulator/durable":    {"durable", "emulator", "protocol/runtimeapi"},
	"emulator/faulty":     {"protocol/runtimeapi"},
	"emulator/front":      {"protocol/runtimeapi"},
	"httpevent":           {"protocol"},
	"lambdalog":           {"protocol", "protocol/runtimeapi", "supervisor"},
	"protocol":            {},
	"protocol/runtimeapi": {},
	"rscripts":            {},
	"supervisor":          {"durable", "internal/random", "protocol", "protocol/runtimeapi"},
	"worker":              {"internal/memfd", "internal/random", "protocol", "protocol/runtimeapi", "worker/process", "worker/rvalue"},
	"worker/process":      {},
	"worker/rvalue":       {},
	"worker/web":          {"httpevent", "internal/random", "protocol", "protocol/runtimeapi", "worker", "worker/process"},

	"internal/checkpoint":  {"worker/process"},
	"internal/credentials": {"internal/random"},
	"internal/layer":       {},
	"internal/memfd":       {},
	"internal/random":      {},
	"internal/sbom":        {},
}

// libraries are the only third-party modules that these packages may import.
var libraries = map[string][]string{
	"protocol":            {},
	"protocol/runtimeapi": {},
	"worker/process":      {"golang.org/x/sys"},
}

// A goPackage is what go list prints of a package.
type goPackage struct {
	ImportPath string
	Imports    []string
}

func goList(t *testing.T, args ...string) (packages []goPackage) {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports"}, args...)...).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

func TestImports(t *testing.T) {
	seen := 0
	for _, p := range goList(t, module+"...") {
		name := strings.TrimPrefix(p.ImportPath, module)
		if strings.HasPrefix(name, "test/") {
			continue
		}
		seen++
		allowed, ok := mayImport[name]
		if !ok {
			t.Errorf("%s is not in the table: add it here and to docs/architecture.md", name)
		}
		for _, path := range p.Imports {
			inner, ours := strings.CutPrefix(path, module)
			first, _, _ := strings.Cut(path, "/")
			switch {
			case ours:
				if !slices.Contains(allowed, inner) {
					t.Errorf("%s imports %s, which the table does not allow", name, inner)
				}
			case strings.Contains(first, "."): // not of the standard library
				library, limited := libraries[name]
				if limited && !slices.ContainsFunc(library, func(l string) bool { return strings.HasPrefix(path, l+"/") }) {
					t.Errorf("%s imports %s: it may use only %q", name, path, library)
				}
			}
		}
	}
	if seen != len(mayImport) {
		t.Errorf("%d packages, and %d in the table", seen, len(mayImport))
	}
}

// The page has the same table, except that bootstrap imports everything.
func TestPageHasTheImports(t *testing.T) {
	page, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	quoted := regexp.MustCompile("`([a-z/]+)`")
	documented := map[string][]string{}
	for row := range strings.Lines(string(page)) {
		cells := strings.Split(row, "|")
		if len(cells) != 5 {
			continue
		}
		var imports []string
		for _, m := range quoted.FindAllStringSubmatch(cells[3], -1) {
			imports = append(imports, m[1])
		}
		for _, m := range quoted.FindAllStringSubmatch(cells[1], -1) {
			documented[m[1]] = slices.Sorted(slices.Values(imports))
		}
	}
	for name, want := range mayImport {
		got, ok := documented[name]
		if strings.HasPrefix(name, "cmd/") {
			continue
		}
		if !ok || !slices.Equal(got, want) {
			t.Errorf("docs/architecture.md says that %s imports %q, want %q", name, got, want)
		}
	}
}

// A snapshot contains the state of Go's generators: every environment that is restored from it would
// draw the same values. Only packages that no snapshot contains may use them.
func TestRandomness(t *testing.T) {
	neverRestored := []string{"emulator", "emulator/durable"}
	for _, p := range goList(t, module+"...") {
		name := strings.TrimPrefix(p.ImportPath, module)
		if strings.HasPrefix(name, "test/") || slices.Contains(neverRestored, name) {
			continue
		}
		for _, path := range p.Imports {
			switch path {
			case "math/rand", "math/rand/v2", "crypto/rand", "hash/maphash", "github.com/google/uuid":
				t.Errorf("%s imports %s: use internal/random", name, path)
			}
		}
	}
}

// The binary contains nothing that is for tests.
func TestBinaryHasNoTestCode(t *testing.T) {
	packages := goList(t, "-deps", module+"cmd/bootstrap")
	if len(packages) < 50 {
		t.Fatalf("bootstrap has only %d packages", len(packages))
	}
	for _, p := range packages {
		for _, name := range []string{"testing", "net/http/httptest", module + "emulator/faulty", module + "test"} {
			if p.ImportPath == name || strings.HasPrefix(p.ImportPath, name+"/") {
				t.Errorf("bootstrap contains %s", p.ImportPath)
			}
		}
	}
}

// The image is built of the files that .dockerignore lets through: all packages of the binary.
func TestImageBuildHasEveryPackage(t *testing.T) {
	text, err := os.ReadFile("../../.dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for line := range strings.Lines(string(text)) {
		if folder, ok := strings.CutPrefix(strings.TrimSpace(line), "!"); ok {
			folders = append(folders, folder)
		}
	}
	for _, p := range goList(t, "-deps", module+"cmd/bootstrap") {
		name, ours := strings.CutPrefix(p.ImportPath, module)
		if ours && !slices.ContainsFunc(folders, func(f string) bool { return name == f || strings.HasPrefix(name, f+"/") }) {
			t.Errorf(".dockerignore excludes %s, which bootstrap imports", name)
		}
	}
}
