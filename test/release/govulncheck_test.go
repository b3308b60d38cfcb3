//go:build release

package release

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// govulncheck checks the program that makes layers against a database, and returns its output.
func govulncheck(database string) (string, error) {
	cmd := exec.Command("scripts/govulncheck", database, "./internal/layer")
	cmd.Dir = "../.."
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// plant writes a database with one vulnerability: in this function of Go's archive/zip. It returns
// the database's URL.
func plant(t *testing.T, function string) string {
	t.Helper()
	const modified = "2026-01-01T00:00:00Z"
	type object map[string]any
	dir := t.TempDir()
	for name, content := range map[string]any{
		"index/db":      object{"modified": modified},
		"index/modules": []object{{"path": "stdlib", "vulns": []object{{"id": "GO-2026-9999", "modified": modified}}}},
		"index/vulns":   []object{{"id": "GO-2026-9999", "modified": modified}},
		"ID/GO-2026-9999": object{
			"schema_version": "1.3.1", "id": "GO-2026-9999", "modified": modified, "published": modified,
			"summary": "Planted in archive/zip",
			"affected": []object{{
				"package":            object{"name": "stdlib", "ecosystem": "Go"},
				"ranges":             []object{{"type": "SEMVER", "events": []object{{"introduced": "0"}}}},
				"ecosystem_specific": object{"imports": []object{{"path": "archive/zip", "symbols": []string{function}}}},
			}},
		},
	} {
		text, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name+".json")
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return "file://" + dir
}

func TestVulnerabilityFails(t *testing.T) {
	out, err := govulncheck(plant(t, "NewWriter"))
	if err == nil || !strings.Contains(out, "GO-2026-9999") {
		t.Errorf("%v, it printed\n%s", err, out)
	}
}

// A vulnerability in a function that is not called does not matter.
func TestVulnerabilityNotCalled(t *testing.T) {
	if out, err := govulncheck(plant(t, "OpenReader")); err != nil {
		t.Errorf("%v, it printed\n%s", err, out)
	}
}

// Without the database the check says that it was not made.
func TestNoVulnerabilityDatabase(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1") // refuses
	out, err := govulncheck("")
	if err != nil || !strings.Contains(out, "not checked, because the vulnerability database cannot be reached") {
		t.Errorf("%v, it printed\n%s", err, out)
	}
}

// Any other failure is one.
func TestGovulncheckFails(t *testing.T) {
	cmd := exec.Command("scripts/govulncheck", plant(t, "NewWriter"), "./not/there")
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err == nil {
		t.Errorf("it succeeded, and printed\n%s", out)
	}
}
