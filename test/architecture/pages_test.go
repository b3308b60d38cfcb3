package architecture

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// diagram returns the lines of a file that draw boxes, without comment signs.
func diagram(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if strings.ContainsAny(line, "│─") {
			lines = append(lines, strings.TrimPrefix(strings.TrimRight(line, "\n"), "//\t"))
		}
	}
	return lines
}

// The page and the package comment have the same state diagram.
func TestStateDiagram(t *testing.T) {
	page, comment := diagram(t, "../../docs/architecture.md"), diagram(t, "../../supervisor/doc.go")
	if len(page) == 0 || !slices.Equal(page, comment) {
		t.Errorf("docs/architecture.md has\n%s\nsupervisor/doc.go has\n%s", strings.Join(page, "\n"), strings.Join(comment, "\n"))
	}
}

// Each file that a page names in backquotes exists.
func TestPagesNameFiles(t *testing.T) {
	path := regexp.MustCompile("`((?:cmd|deploy|docs|doctor|emulator|examples|lambdalog|protocol|rscripts|scripts|supervisor|test|worker)/[A-Za-z0-9_./-]+[.][A-Za-z]+)`")
	named := 0
	for page, text := range pages(t) {
		for _, m := range path.FindAllStringSubmatch(text, -1) {
			named++
			if _, err := os.Stat("../../" + m[1]); err != nil {
				t.Errorf("%s names %s: %v", page, m[1], err)
			}
		}
	}
	if named < 50 {
		t.Errorf("only %d files were named", named)
	}
}

// Each Go test that SECURITY.md names exists.
func TestSecurityNamesTests(t *testing.T) {
	page, err := os.ReadFile("../../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err = filepath.WalkDir("../..", func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range function.FindAllStringSubmatch(string(text), -1) {
			declared[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w+)`").FindAllStringSubmatch(string(page), -1)
	if len(named) < 40 {
		t.Errorf("SECURITY.md names only %d tests", len(named))
	}
	for _, m := range named {
		if !declared[m[1]] {
			t.Errorf("SECURITY.md names %s, which does not exist", m[1])
		}
	}
}
