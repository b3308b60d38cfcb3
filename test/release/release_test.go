//go:build release

package release

import (
	"archive/zip"
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// checkout copies the files of the repository, as they are now, to a new folder.
func checkout(t *testing.T, name string) string {
	t.Helper()
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = "../.."
	files, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), name)
	for file := range strings.SplitSeq(strings.TrimSuffix(string(files), "\x00"), "\x00") {
		from, to := filepath.Join("../..", file), filepath.Join(dir, file)
		info, err := os.Stat(from)
		if os.IsNotExist(err) {
			continue // deleted, and not committed
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, content, info.Mode()); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// release runs make release in dir and returns what it printed.
func release(dir string, args ...string) (string, error) {
	cmd := exec.Command("make", append([]string{"release"}, args...)...)
	cmd.Dir = dir
	// Make must not inherit the settings of the make that runs this test.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "MAKE") || strings.HasPrefix(v, "MFLAGS=") || strings.HasPrefix(v, "VERSION=")
	})
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// readRelease returns the files of a release by name.
func readRelease(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	entries, err := os.ReadDir(filepath.Join(dir, "bin/release"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if files[entry.Name()], err = os.ReadFile(filepath.Join(dir, "bin/release", entry.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// Two folders, of which only one is a git repository, give the same bytes, whatever this machine's
// settings for Go.
func TestReproducible(t *testing.T) {
	const version, commit = "v9.8.7", "0123456789012345678901234567890123456789"
	one, two := checkout(t, "one"), checkout(t, "a longer name than one")
	for _, args := range [][]string{
		{"init", "-q"}, {"add", "."},
		{"-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-q", "-m", "a commit"},
	} {
		cmd := exec.Command("git", args...)
		cmd.Dir = one
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", args[0], err, out)
		}
	}
	var releases [2]map[string][]byte
	for i, dir := range []string{one, two} {
		if i == 1 {
			t.Setenv("GOFLAGS", "-buildvcs=true")
			t.Setenv("GOAMD64", "v3")
			t.Setenv("GOARM64", "v9.0")
			t.Setenv("TZ", "Asia/Tokyo")
		}
		out, err := release(dir, "VERSION="+version, "COMMIT="+commit)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if !strings.Contains(out, `before you tag it, rename "## Unreleased"`) {
			t.Errorf("it did not say that the changelog lacks the version:\n%s", out)
		}
		releases[i] = readRelease(t, dir)
	}
	var names []string
	for name, content := range releases[0] {
		names = append(names, name)
		if !bytes.Equal(content, releases[1][name]) {
			t.Errorf("%s differs", name)
		}
	}
	slices.Sort(names)
	want := []string{
		"CHANGES.md", "SHA256SUMS", "bootstrap-amd64", "bootstrap-arm64", "layer-amd64.zip", "layer-arm64.zip",
		"sbom-amd64.cdx.json", "sbom-arm64.cdx.json",
	}
	if !slices.Equal(names, want) || len(releases[1]) != len(want) {
		t.Fatalf("the release has %q, want %q", names, want)
	}
	checkRelease(t, one, releases[0], version, commit)
}

// checkRelease checks the files of the release in dir.
func checkRelease(t *testing.T, dir string, files map[string][]byte, version, commit string) {
	t.Helper()
	check := exec.Command("sha256sum", "--check", "--strict", "SHA256SUMS")
	check.Dir = filepath.Join(dir, "bin/release")
	if out, err := check.CombinedOutput(); err != nil || strings.Count(string(out), ": OK\n") != len(files)-1 {
		t.Errorf("sha256sum: %v\n%s", err, out)
	}
	if entry := string(files["CHANGES.md"]); !strings.HasPrefix(entry, "## "+version+"\n\n") || strings.Count(entry, "## ") != 1 || len(entry) < 100 {
		t.Errorf("CHANGES.md is\n%s", entry)
	}
	for _, arch := range []string{"amd64", "arm64"} {
		binary := files["bootstrap-"+arch]
		info, err := buildinfo.Read(bytes.NewReader(binary))
		if err != nil {
			t.Fatal(err)
		}
		settings := map[string]string{}
		for _, s := range info.Settings {
			settings[s.Key] = s.Value
		}
		if settings["GOARCH"] != arch || settings["GOOS"] != "linux" || settings["CGO_ENABLED"] != "0" {
			t.Errorf("bootstrap-%s was built with %q", arch, settings)
		}
		z, err := zip.NewReader(bytes.NewReader(files["layer-"+arch+".zip"]), int64(len(files["layer-"+arch+".zip"])))
		if err != nil {
			t.Fatal(err)
		}
		f, err := z.Open("bootstrap")
		if err != nil {
			t.Fatal(err)
		}
		if packed, err := io.ReadAll(f); err != nil || !bytes.Equal(packed, binary) {
			t.Errorf("layer-%s.zip has another binary, %v", arch, err)
		}
		var bom struct {
			Metadata struct {
				Timestamp string
				Component struct{ Version string }
			}
			Components []struct{ Name string }
		}
		if err := json.Unmarshal(files["sbom-"+arch+".cdx.json"], &bom); err != nil {
			t.Fatal(err)
		}
		if bom.Metadata.Component.Version != version || bom.Metadata.Timestamp != "" || len(bom.Components) != len(info.Deps)+1 {
			t.Errorf("sbom-%s.cdx.json is of %q, %q with %d components, want %d", arch, bom.Metadata.Component.Version,
				bom.Metadata.Timestamp, len(bom.Components), len(info.Deps)+1)
		}
	}
	path := filepath.Join(dir, "bin/release/bootstrap-"+runtime.GOARCH)
	out, err := exec.Command(path, "version").Output()
	if want := "lambda-r-runtime " + version + " (" + runtime.Version() + ", commit " + commit + ")\n"; err != nil || string(out) != want {
		t.Errorf("bootstrap version prints %q, %v, want %q", out, err, want)
	}
}

// A version that is none, and a changelog without an entry, are refused before anything is built.
func TestRefused(t *testing.T) {
	dir := checkout(t, "refused")
	write := func(changelog string) {
		if err := os.WriteFile(filepath.Join(dir, "CHANGELOG.md"), []byte(changelog), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct{ version, changelog, want string }{
		{"", "## Unreleased\n\nNews.\n", `VERSION="": not a version such as v1.2.0`},
		{"latest", "## Unreleased\n\nNews.\n", `VERSION="latest": not a version`},
		{"v1.2", "## Unreleased\n\nNews.\n", `VERSION="v1.2": not a version`},
		{"v1.2.0/../x", "## Unreleased\n\nNews.\n", `VERSION="v1.2.0/../x": not a version`},
		{"v1.2.0", "# Changelog\n\n## v1.1.0\n\nOld.\n", `neither a section "## v1.2.0" nor one "## Unreleased"`},
		{"v1.2.0", "# Changelog\n\n## Unreleased\n\n## v1.1.0\n\nOld.\n", `neither a section "## v1.2.0" nor one "## Unreleased"`},
	} {
		write(row.changelog)
		out, err := release(dir, "VERSION="+row.version)
		if err == nil || !strings.Contains(out, row.want) {
			t.Errorf("VERSION=%q: %v, it printed\n%s\nwant %s", row.version, err, out, row.want)
		}
		if _, err := os.Stat(filepath.Join(dir, "bin")); !os.IsNotExist(err) {
			t.Errorf("VERSION=%q: it wrote files: %v", row.version, err)
		}
	}
}

// The entry of a release is the section of its version, with nothing of its neighbours.
func TestEntry(t *testing.T) {
	dir := checkout(t, "entry")
	changelog := "# Changelog\n\n## Unreleased\n\nLater.\n\n## 1.2.0-rc.1 (2026-11-26)\n\n* New.\n\n### Fixed\n\n* Old.\n\n## 1.1.0\n\nBefore.\n"
	if err := os.WriteFile(filepath.Join(dir, "CHANGELOG.md"), []byte(changelog), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := release(dir, "VERSION=1.2.0-rc.1")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if strings.Contains(out, "Unreleased") {
		t.Errorf("it mentions Unreleased:\n%s", out)
	}
	if got, want := string(readRelease(t, dir)["CHANGES.md"]), "## 1.2.0-rc.1\n\n* New.\n\n### Fixed\n\n* Old.\n"; got != want {
		t.Errorf("CHANGES.md is %q, want %q", got, want)
	}
}
