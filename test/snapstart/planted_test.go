//go:build criu

package snapstart

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lambda-r-runtime/test/kit/lambda"
)

// Without the renewal, the test above fails for each source that has state in memory.
func TestRepeatsAreFound(t *testing.T) {
	program := buildWith(t, map[string][]string{
		"rscripts/snapshot/renew.R": {"renew <- function() {", "renew <- function() {\n  return(invisible())"},
		"internal/random/random_linux.go": {
			"import (", "import (\n\t\"math/rand/v2\"\n",
			"func Read(p []byte) {", "var state = rand.NewChaCha8([32]byte{})\n\nfunc Read(p []byte) {\n\tstate.Read(p)\n\treturn\n",
		},
	})
	i := take(t, program, "draws.f", "RNG=L'Ecuyer-CMRG", "LAMBDA_R_SNAPSTART_PROBE=1")
	twice := repeated(drawsIn(t, i, true))
	for _, source := range sources("L'Ecuyer-CMRG") {
		// Package uuid keeps no state.
		if inMemory := !strings.HasPrefix(source, "uuid"); slices.Contains(twice, source) != inMemory {
			t.Errorf("%s was found to be drawn twice: %v, want %v", source, !inMemory, inMemory)
		}
	}
}

// buildWith builds bootstrap with replacements in files of the module, in pairs of old and new.
func buildWith(t *testing.T, replacements map[string][]string) (program string) {
	t.Helper()
	dir := t.TempDir()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	overlay := map[string]map[string]string{"Replace": {}}
	for file, pairs := range replacements {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		for pair := range slices.Chunk(pairs, 2) {
			if n := strings.Count(string(text), pair[0]); n != 1 {
				t.Fatalf("%s has %q %d times: change this test with it", file, pair[0], n)
			}
			text = []byte(strings.Replace(string(text), pair[0], pair[1], 1))
		}
		path := filepath.Join(dir, filepath.Base(file))
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		overlay["Replace"][filepath.Join(root, file)] = path
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if program, err = lambda.Build(dir, "cmd/bootstrap", "-overlay", path); err != nil {
		t.Fatal(err)
	}
	return program
}
