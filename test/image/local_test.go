//go:build image

package image

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// curl is curl in R, because the image has none. It asks 127.0.0.2, where only a server on all
// addresses listens.
const curl = `
body <- '{"number": 8}'
connection <- socketConnection("127.0.0.2", 8080, open = "r+b", blocking = TRUE, timeout = 30)
writeLines(c(
  "POST /2015-03-31/functions/function/invocations HTTP/1.0", paste("Content-Length:", nchar(body)), "", body
), connection, sep = "\r\n")
cat(suppressWarnings(readLines(connection)), sep = "\n")
`

// Without AWS's variables, the image serves the emulator on port 8080, to the outside.
func TestLocal(t *testing.T) {
	for _, args := range [][]string{nil, {"functions.parity"}} {
		options := append(rlimits(), "--network", "none", image) // with its own port 8080
		c := start(t, append(options, args...)...)
		c.waitFor(`functions\.parity is served on http://127\.0\.0\.1:8080`)
		if got := output(t, "exec", c.name, "Rscript", "-e", curl); !strings.HasSuffix(got, `{"parity":"even"}`) {
			t.Errorf("8 is %s", got)
		}
	}
}

// The commands for macOS and Windows in docs/getting-started.md write the package into a folder, and
// serve the function of a folder.
func TestPageOtherSystems(t *testing.T) {
	page, err := os.ReadFile("../../docs/getting-started.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## macOS and Windows\n")
	commands := regexp.MustCompile(`(?m)^docker run --rm (.*) lambda-r-runtime (.*)$`).FindAllStringSubmatch(section, -1)
	if len(commands) != 2 {
		t.Fatalf("the section has %d commands, not 2", len(commands))
	}
	dir := t.TempDir()
	code := "predict_mpg <- function(number) list(parity = \"even\")\n"
	if err := os.WriteFile(filepath.Join(dir, "functions.R"), []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	// The image's user reads the folder, as Docker Desktop lets any user do.
	for path, mode := range map[string]os.FileMode{dir: 0o755, filepath.Dir(dir): 0o755, filepath.Join(dir, "functions.R"): 0o644} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	options := func(i int) []string {
		text := strings.ReplaceAll(commands[i][1], `"$PWD:`, dir+":")
		text = strings.ReplaceAll(strings.ReplaceAll(text, `"`, ""), "-p 9000:8080", "--network none")
		return append(append(rlimits(), strings.Fields(text)...), append([]string{image}, strings.Fields(commands[i][2])...)...)
	}
	output(t, append([]string{"run", "--rm"}, options(0)...)...)
	if packages, err := filepath.Glob(filepath.Join(dir, "lambdaruntime_*.tar.gz")); len(packages) != 1 {
		t.Errorf("the folder has the packages %q, %v", packages, err)
	}
	c := start(t, options(1)...)
	c.waitFor(`functions\.predict_mpg is served on`)
	if got := output(t, "exec", c.name, "Rscript", "-e", curl); !strings.HasSuffix(got, `{"parity":"even"}`) {
		t.Errorf("got %s", got)
	}
}
