package architecture

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// pages returns the texts of all pages by their paths.
func pages(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", "../../docs/*/*.md"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			texts[path] = string(text)
		}
	}
	if len(texts) < 20 {
		t.Fatalf("only %d pages were found", len(texts))
	}
	return texts
}

// prose returns the lines of a page, with empty ones for those of fenced blocks.
func prose(text string) []string {
	lines := strings.Split(text, "\n")
	fenced := false
	for i, line := range lines {
		fence := strings.HasPrefix(strings.TrimSpace(line), "```")
		if fence || fenced {
			lines[i] = ""
		}
		if fence {
			fenced = !fenced
		}
	}
	return lines
}

// anchors returns the anchors of a page's headings, as GitHub makes them.
func anchors(text string) (all []string) {
	for _, line := range prose(text) {
		heading := strings.TrimLeft(line, "#")
		if heading == line || !strings.HasPrefix(heading, " ") {
			continue
		}
		anchor := strings.Map(func(r rune) rune {
			switch {
			case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' || r == '-':
				return unicode.ToLower(r)
			case r == ' ':
				return '-'
			}
			return -1
		}, strings.TrimSpace(heading))
		all = append(all, anchor)
	}
	return all
}

var link = regexp.MustCompile(`\]\(([^()\s]+)\)`)

// Each link of a page to a file of this repository, and to a heading in it, leads somewhere.
func TestLinks(t *testing.T) {
	texts := pages(t)
	found := 0
	for page, text := range texts {
		for i, line := range prose(text) {
			for _, m := range link.FindAllStringSubmatch(line, -1) {
				target, anchor, _ := strings.Cut(m[1], "#")
				if strings.Contains(target, "://") {
					continue
				}
				found++
				path := page
				if target != "" {
					path = filepath.Join(filepath.Dir(page), target)
				}
				if _, err := os.Stat(path); err != nil {
					t.Errorf("%s:%d: %v", page, i+1, err)
				} else if anchor != "" && !slices.Contains(anchors(texts[path]), anchor) {
					t.Errorf("%s:%d: %s has no heading #%s", page, i+1, path, anchor)
				}
			}
		}
	}
	if found < 100 {
		t.Errorf("only %d links were found", found)
	}
}

// The table of contents has each page of docs/, and each page opens with its purpose.
func TestTableOfContents(t *testing.T) {
	texts := pages(t)
	for page, text := range texts {
		name, in := strings.CutPrefix(page, "../../docs/")
		if !in || name == "README.md" {
			continue
		}
		if !strings.Contains(texts["../../docs/README.md"], "]("+name+")") {
			t.Errorf("docs/README.md has no link to %s", name)
		}
		if lines := strings.Split(text, "\n"); !strings.HasPrefix(lines[2], "After this page ") {
			t.Errorf("%s does not say what one can do after reading it, but: %s", page, lines[2])
		}
	}
}

// The README is short and narrow.
func TestREADME(t *testing.T) {
	lines := strings.Split(strings.TrimSuffix(pages(t)["../../README.md"], "\n"), "\n")
	if len(lines) > 150 {
		t.Errorf("it has %d lines, at most 150 are allowed", len(lines))
	}
	for i, line := range lines {
		if n := len([]rune(line)); n > 100 {
			t.Errorf("line %d has %d columns, at most 100 are allowed", i+1, n)
		}
	}
}

// phrases and openings are marks of the dialect in which this project was once written.
var (
	phrases = regexp.MustCompile(`(?i)\b(anew|(for )?want of|mend(ed|s|ing)?|turn and turn about|of its own making|nobody is told|` +
		`is told|hears? of|knows nothing of|comes? up|whoever)\b`)
	openings = regexp.MustCompile(`^(\s*(//|#+)|[*>-])? ?(What|Who|That which|Whatever is) [a-z]`)
)

// TestEnglish finds them in pages, in comments, and in the texts of messages.
func TestEnglish(t *testing.T) {
	for _, planted := range []string{"// What it hears of", "## What happens", "made anew", "Whoever calls it"} {
		if !isDialect(planted) {
			t.Errorf("%q is not found", planted)
		}
	}
	read := 0
	err := filepath.WalkDir("../..", func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if slices.Contains([]string{".git", "bin", "node_modules", "axe-core"}, entry.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if !slices.Contains([]string{".go", ".R", ".Rd", ".md", ".js", ".yaml", ".tf"}, filepath.Ext(path)) || filepath.Base(path) == "docs_test.go" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		read++
		for i, line := range strings.Split(string(text), "\n") {
			if isDialect(line) {
				t.Errorf("%s:%d: put this in plain words: %s", path, i+1, line)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if read < 400 {
		t.Errorf("only %d files were read", read)
	}
}

func isDialect(line string) bool { return phrases.MatchString(line) || openings.MatchString(line) }
