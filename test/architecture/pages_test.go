package architecture

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// Each file that a page names in backquotes exists.
func TestPagesNameFiles(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("found %q, %v", pages, err)
	}
	path := regexp.MustCompile("`((?:cmd|deploy|docs|doctor|emulator|examples|lambdalog|protocol|rscripts|scripts|supervisor|test|worker)/[A-Za-z0-9_./-]+[.][A-Za-z]+)`")
	named := 0
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range path.FindAllStringSubmatch(string(text), -1) {
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
