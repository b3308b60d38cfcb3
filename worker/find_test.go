package worker

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// plant creates executable files below root.
func plant(t *testing.T, root string, files ...string) {
	t.Helper()
	for _, file := range files {
		path := filepath.Join(root, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

// expand replaces ROOT by root in every value.
func expand(env map[string]string, root string) func(string) string {
	return func(name string) string { return strings.ReplaceAll(env[name], "ROOT", root) }
}

func TestFindR(t *testing.T) {
	everywhere := []string{
		"mine/R", "home/bin/R", "path/R", "opt/R/4.2.2/bin/R", "usr/lib/R/bin/R", "usr/local/lib/R/bin/R",
	}
	all := map[string]string{"LAMBDA_R_BIN": "ROOT/mine/R", "R_HOME": "ROOT/home", "PATH": "ROOT/empty:ROOT/path"}
	for _, test := range []struct {
		name  string
		files []string
		env   map[string]string
		want  string
	}{
		{"LAMBDA_R_BIN before all", everywhere, all, "mine/R"},
		{"R_HOME", everywhere, map[string]string{"R_HOME": all["R_HOME"], "PATH": all["PATH"]}, "home/bin/R"},
		{"R_HOME without an R", everywhere, map[string]string{"R_HOME": "ROOT/empty", "PATH": all["PATH"]}, "path/R"},
		{"PATH", everywhere, map[string]string{"PATH": all["PATH"]}, "path/R"},
		{"LAMBDA_R_BIN on the PATH", everywhere, map[string]string{"LAMBDA_R_BIN": "R", "R_HOME": all["R_HOME"], "PATH": "bin:ROOT/empty:ROOT/path"}, "path/R"},
		{"the first of PATH", everywhere, map[string]string{"PATH": "ROOT/mine:ROOT/path"}, "mine/R"},
		{"/opt/R", everywhere[3:], all, "opt/R/4.2.2/bin/R"},
		{"highest of /opt/R", []string{"opt/R/4.9.1/bin/R", "opt/R/4.10.0/bin/R", "opt/R/3.11.0/bin/R"}, nil, "opt/R/4.10.0/bin/R"},
		{"/opt/R without an R", []string{"opt/R/5.0.0/bin/Rscript", "opt/R/4.2.2/bin/R"}, nil, "opt/R/4.2.2/bin/R"},
		{"/usr/lib", everywhere[4:], nil, "usr/lib/R/bin/R"},
		{"/usr/local/lib", everywhere[5:], nil, "usr/local/lib/R/bin/R"},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			plant(t, root, test.files...)
			env := test.env
			if !slices.Contains(test.files, "mine/R") {
				env = map[string]string{"R_HOME": env["R_HOME"], "PATH": env["PATH"]}
			}
			got, err := findR(expand(env, root), root)
			if err != nil || got != filepath.Join(root, test.want) {
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
		})
	}
}

// FindR skips directories and files that are not executable.
func TestFindRSkipsOthers(t *testing.T) {
	root := t.TempDir()
	plant(t, root, "data/R", "dir/R/file", "good/R")
	if err := os.Chmod(filepath.Join(root, "data/R"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := findR(expand(map[string]string{"PATH": "ROOT/data:ROOT/dir:ROOT/good"}, root), root)
	if err != nil || got != filepath.Join(root, "good/R") {
		t.Errorf("got %q, %v", got, err)
	}
}

// A program in the directory of the function must not pass for R.
func TestFindRIgnoresRelativePath(t *testing.T) {
	root := t.TempDir()
	plant(t, root, "R", "bin/R")
	t.Chdir(root)
	got, err := findR(expand(map[string]string{"PATH": ".::bin"}, root), root)
	errorAs[*NotFoundError](t, err)
	if got != "" {
		t.Errorf("got %q", got)
	}
}

func TestBadLambdaRBin(t *testing.T) {
	root := t.TempDir()
	plant(t, root, "good/R", "dir/R/file", "data/R", "good/data-R")
	for _, file := range []string{"data/R", "good/data-R"} {
		if err := os.Chmod(filepath.Join(root, file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name, value string
		err         error
	}{
		{"missing", "ROOT/nowhere/R", fs.ErrNotExist},
		{"directory", "ROOT/dir/R", nil},
		{"not executable", "ROOT/data/R", nil},
		{"not on the PATH", "sh", exec.ErrNotFound}, // it is on this program's PATH
		{"on the PATH, not executable", "data-R", exec.ErrNotFound},
	} {
		t.Run(test.name, func(t *testing.T) {
			getenv := expand(map[string]string{"LAMBDA_R_BIN": test.value, "PATH": "ROOT/good"}, root)
			got, err := findR(getenv, root)
			e := errorAs[*NotExecutableError](t, err)
			if got != "" || e.Path != getenv("LAMBDA_R_BIN") || e.ErrorType() != "Runtime.InvalidEntrypoint" {
				t.Errorf("got %q, %+v", got, e)
			}
			if test.err != nil && !errors.Is(err, test.err) {
				t.Errorf("error is %v, want %v", err, test.err)
			}
			checkOneLine(t, err, "LAMBDA_R_BIN", e.Path, "set it to the path of an R executable")
		})
	}
}

// A relative path refers to the directory of bootstrap, and R runs in another one.
func TestRelativeLambdaRBin(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	plant(t, root, "bin/R")
	t.Chdir(root)
	got, err := findR(expand(map[string]string{"LAMBDA_R_BIN": "bin/R"}, root), root)
	if want := filepath.Join(root, "bin/R"); err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestNoR(t *testing.T) {
	root := t.TempDir()
	for _, test := range []struct {
		name  string
		env   map[string]string
		files []string // that are not executable
		want  []string
	}{
		{"nothing set", nil, nil, []string{
			"LAMBDA_R_BIN (not set)", "R_HOME (not set)",
			"ROOT/opt/R/*/bin/R", "ROOT/usr/lib/R/bin/R", "ROOT/usr/local/lib/R/bin/R",
			"apt-get install r-base-core r-cran-jsonlite", "set LAMBDA_R_BIN",
		}},
		{"everything set", map[string]string{"R_HOME": "ROOT/home", "PATH": "ROOT/a:ROOT/b"}, []string{"opt/R/4.2.2/bin/R"}, []string{
			"ROOT/home/bin/R", "ROOT/a/R", "ROOT/b/R", "ROOT/opt/R/4.2.2/bin/R",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			plant(t, root, test.files...)
			for _, file := range test.files {
				if err := os.Chmod(filepath.Join(root, file), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := findR(expand(test.env, root), root)
			e := errorAs[*NotFoundError](t, err)
			if got != "" || e.ErrorType() != "Runtime.InvalidEntrypoint" {
				t.Errorf("got %q, %+v", got, e)
			}
			for i, want := range test.want {
				test.want[i] = strings.ReplaceAll(want, "ROOT", root)
			}
			checkOneLine(t, err, test.want...)
		})
	}
}

// checkOneLine fails unless the error's message is one line with all the parts in it.
func checkOneLine(t *testing.T, err error, parts ...string) {
	t.Helper()
	message := err.Error()
	if strings.Contains(message, "\n") {
		t.Errorf("more than one line: %q", message)
	}
	for _, part := range parts {
		if !strings.Contains(message, part) {
			t.Errorf("message is %q, want %q in it", message, part)
		}
	}
}

func TestCompareVersions(t *testing.T) {
	ascending := []string{"", "3.6.3", "4.2", "4.2.2", "4.2.10", "4.02.11", "4.9.1", "4.10.0", "10.0.0", "devel", "devel-2", "devel-10"}
	for i, a := range ascending {
		for j, b := range ascending {
			if got := compareVersions(a, b); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("compareVersions(%q, %q) is %d", a, b, got)
			}
		}
	}
}
