package runtimeapi_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const root = "../.." // of the repository

// goErrorTypes returns the error types that errortype.go declares, each with its constant.
func goErrorTypes(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "errortype.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			types[value] = spec.Names[0].Name
		}
		return true
	})
	return types
}

// eachFile calls do for each file below dir that ends in ext, except for tests.
func eachFile(t *testing.T, dir, ext string, do func(path, text string)) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "tests" || d.Name() == "test" || strings.HasPrefix(d.Name(), ".") && len(d.Name()) > 2) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ext) || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		do(path, string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

var errorType = regexp.MustCompile(`["'](Runtime|Function|Extension)\.[A-Z][A-Za-z]+["']`)

// Every error type of the Go code is a constant of errortype.go, every one of the R code is
// there, and every one that is there is used.
func TestErrorTypes(t *testing.T) {
	types := goErrorTypes(t)
	used := map[string]bool{}
	eachFile(t, ".", ".go", func(path, text string) {
		if filepath.Base(path) == "errortype.go" {
			return
		}
		if literal := errorType.FindString(text); literal != "" {
			t.Errorf("%s has the literal %s: use the constant of errortype.go", path, literal)
		}
		for value, name := range types {
			if regexp.MustCompile(`\b` + name + `\b`).MatchString(text) {
				used[value] = true
			}
		}
	})
	eachFile(t, "rscripts", ".R", func(path, text string) {
		for _, literal := range errorType.FindAllString(text, -1) {
			value := literal[1 : len(literal)-1]
			if types[value] == "" {
				t.Errorf("%s reports %s, which errortype.go does not have", path, value)
			}
			used[value] = true
		}
	})
	for value, name := range types {
		if !used[value] {
			t.Errorf("nothing uses %s, %s", name, value)
		}
	}
	if !used["Runtime.ProtocolError"] || !used["Runtime.MarshalError"] {
		t.Error("the search does not find the error types of the code")
	}
}
