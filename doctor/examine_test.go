package doctor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/worker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A patient is an examination and its findings.
type patient struct {
	*examination
	t     *testing.T
	found []string
}

// newPatient returns an examination of a healthy function, whose environment includes env.
func newPatient(t *testing.T, env ...string) *patient {
	p := &patient{t: t}
	p.examination = &examination{Config: Config{
		Getenv: func(name string) string {
			for _, entry := range env {
				if value, ok := strings.CutPrefix(entry, name+"="); ok {
					return value
				}
			}
			return ""
		},
		Worker: worker.Config{Dir: t.TempDir(), TempDir: "/tmp", Env: worker.Environment(env, 1)},
		Report: func(f Finding) { p.found = append(p.found, f.String()) },
	}}
	return p
}

// expect checks that the findings match these regular expressions, one for each, and clears
// them.
func (p *patient) expect(want ...string) {
	p.t.Helper()
	ok := len(want) == len(p.found)
	for i := range want {
		ok = ok && regexp.MustCompile(`^(?s:`+want[i]+`)$`).MatchString(p.found[i])
	}
	if !ok {
		p.t.Errorf("found:\n%s\nwant:\n%s", strings.Join(p.found, "\n"), strings.Join(want, "\n"))
	}
	p.found = nil
}

func TestFindings(t *testing.T) {
	for _, row := range []struct {
		finding Finding
		want    string
	}{
		{Finding{OK, "R", "4.2.2"}, "ok    R: 4.2.2"},
		{Finding{Warn, "TZ", "what to do"}, "warn  TZ: what to do"},
		{Finding{Fail, "handler", "a\n  b"}, "fail  handler: a\n          b"},
	} {
		if got := row.finding.String(); got != row.want {
			t.Errorf("got %q, want %q", got, row.want)
		}
	}
}

func TestTemp(t *testing.T) {
	p := newPatient(t)
	p.Worker.TempDir = t.TempDir() // below /tmp, unless TMPDIR is set
	if strings.HasPrefix(p.Worker.TempDir, "/tmp/") {
		p.temp()
		p.expect(`ok    /tmp/\S+: writable, \d+ MB free`)
	}
	if left, _ := filepath.Glob(filepath.Join(p.Worker.TempDir, "*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	p.Worker.TempDir = "/dev/shm"
	p.temp()
	p.expect(`warn  /dev/shm: writable here, but in Lambda only /tmp is: do not set TMPDIR in the image|warn  /dev/shm: .* only \d+ MB are free: .*`)
	p.Worker.TempDir = "/proc"
	p.temp()
	p.expect(`fail  /proc: .*/proc/lambda-r-doctor-.*: mount a writable file system at /proc, or set TMPDIR to one`)
	if !p.failed {
		t.Error("not a failure")
	}
}

func TestEnvironment(t *testing.T) {
	home := t.TempDir()
	for _, row := range []struct {
		env, home, zone string
	}{
		{"", `ok    HOME: /tmp`, `ok    TZ: UTC`},
		{"HOME=/home/sbx_user1051", `ok    HOME: /tmp, because /home/sbx_user1051 is not a folder`, `ok    TZ: UTC`},
		{"HOME=/usr", `ok    HOME: /usr; read-only in Lambda`, `ok    TZ: UTC`},
		{"TZ=:UTC", `ok    HOME: /tmp`, `ok    TZ: UTC`},
		{"TZ=EST5EDT", `ok    HOME: /tmp`, `ok    TZ: EST5EDT`},
		{"TZ=Europe/Atlantis", `ok    HOME: /tmp`, `warn  TZ: Europe/Atlantis is not known here, .*: install the system package tzdata, or set TZ=UTC`},
		{"TZ=Europe", `ok    HOME: /tmp`, `warn  TZ: Europe is not known here, .*`}, // a folder, where there is tzdata
	} {
		p := newPatient(t, row.env)
		p.home()
		p.zone()
		p.expect(row.home, row.zone)
	}

	// A zone whose data the image has.
	if err := os.WriteFile(filepath.Join(home, "Atlantis"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	p := newPatient(t, "TZ=Atlantis", "TZDIR="+home)
	p.zone()
	p.expect(`ok    TZ: Atlantis`)
}

func TestMachine(t *testing.T) {
	p := newPatient(t)
	p.proc()
	p.user()
	p.disk()
	p.expect(`ok    /proc/self/fd: can be opened`, `ok    user: .* Lambda.*`, `ok    disk: writable here; in Lambda only /tmp is`)
	p.Worker.Dir = "/proc"
	if os.Getuid() != 0 { // root may write everywhere
		p.disk()
		p.expect(`ok    disk: writable in /tmp only, as in Lambda`)
	}
}

func TestMemory(t *testing.T) {
	p := newPatient(t, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=100") // less than any machine's
	p.memory()
	p.used(50 * mb)
	p.used(90 * mb)
	p.expect(
		`ok    memory: 100 MB, AWS_LAMBDA_FUNCTION_MEMORY_SIZE`,
		`ok    memory: R used 50 MB of 100 MB to load the handler`,
		`warn  memory: R used 90 MB of 100 MB \(AWS_LAMBDA_FUNCTION_MEMORY_SIZE\) to load the handler: give the function more`,
	)
}

func TestLocale(t *testing.T) {
	p := newPatient(t)
	p.locale(rFacts{locale: "C.UTF-8", utf8: true})
	p.locale(rFacts{locale: "C"})
	p.expect(`ok    locale: C.UTF-8`, `warn  locale: C is not UTF-8, so .*: set LANG=C.UTF-8, and unset LC_ALL`)
}

// install creates a package in the library dir, with a file of so many bytes.
func install(t *testing.T, dir, name, fields string, bytes int64) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Join(path, "libs"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path, "DESCRIPTION"), []byte("Package: "+name+"\n"+fields), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path, "data"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(path, "data"), bytes); err != nil { // a sparse file
		t.Fatal(err)
	}
	return path
}

func TestLibraries(t *testing.T) {
	root, site, base := t.TempDir(), t.TempDir(), t.TempDir()
	gdal := build(t, filepath.Join(root, "usr/lib/libgdal.so.32"), nil, named("libgdal.so.32"))
	tk := build(t, filepath.Join(root, "usr/lib/libtk8.6.so"), nil, named("libtk8.6.so"))
	sf, terra := install(t, site, "sf", "", 3*mb), install(t, site, "terra", "", 5*mb)
	build(t, filepath.Join(sf, "libs/sf.so"), []string{gdal})
	build(t, filepath.Join(terra, "libs/terra.so"), []string{gdal})
	tcltk := install(t, base, "tcltk", "Priority: base\n", mb)
	build(t, filepath.Join(tcltk, "libs/tcltk.so"), []string{tk})
	// A package may use the library of another, which loads it.
	tbb := build(t, filepath.Join(install(t, site, "RcppParallel", "", mb), "lib/libtbb.so.2"), nil, named("libtbb.so.2"))
	rstan := install(t, site, "rstan", "", mb)
	build(t, filepath.Join(rstan, "libs/rstan.so"), []string{tbb})

	examine := func() *patient {
		p := newPatient(t)
		// .libPaths() may have a folder under two names, and one that does not exist.
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(site, link); err != nil {
			t.Fatal(err)
		}
		packages, own := readLibraries([]string{link, site, "/not/there", base})
		p.sharedLibraries(packages, own, newLdso(machine(), "", root))
		p.size(packages)
		return p
	}
	sizes := `ok    library: 11 MB in 5 packages, the largest terra 5.0 MB, sf 3.0 MB, .* 1.0 MB, .* 1.0 MB, .* 1.0 MB`
	p := examine()
	p.expect(`ok    shared libraries: found all that 4 of 5 packages need`, sizes)

	remove(t, gdal)
	remove(t, tk)
	p = examine()
	p.expect(
		`fail  shared libraries: libgdal.so.32 is missing, for sf, terra: install the system package that contains it \(Debian, Ubuntu: apt-file search libgdal.so.32\)`,
		`warn  shared libraries: libtk8.6.so is missing, for tcltk: install .*, unless your function does not use these parts of R`,
		sizes,
	)
	if !p.failed {
		t.Error("not a failure")
	}

	patchMachine(t, filepath.Join(sf, "libs/sf.so"), 22)
	if err := os.WriteFile(filepath.Join(terra, "libs/terra.so"), []byte("no library"), 0o644); err != nil {
		t.Fatal(err)
	}
	remove(t, filepath.Join(tcltk, "libs/tcltk.so"))
	examine().expect(
		`fail  shared libraries: \S+/sf/libs/sf.so cannot be loaded: built for EM_S390, but R is for \S+: install sf in an image for \S+`,
		`fail  shared libraries: \S+/terra/libs/terra.so cannot be loaded: .*: install terra again`,
		sizes,
	)
}

func TestLibrariesOfAnySize(t *testing.T) {
	p := newPatient(t)
	p.size([]installed{{name: "torch", bytes: 2 << 30}, {name: "R6", bytes: mb / 4}})
	p.size([]installed{{name: "torch", bytes: 11 << 30}})
	p.expect(
		`ok    library: 2048 MB in 2 packages, the largest torch 2048 MB, R6 0.2 MB; it fits into an image \(10 GB\), but not into zip files and layers \(250 MB\)`,
		`fail  library: 11264 MB in 1 packages, the largest torch 11264 MB: Lambda accepts images of at most 10 GB: remove packages`,
	)
}

func TestInit(t *testing.T) {
	p := newPatient(t)
	ready := protocol.Ready{InitMs: 2300, Slowest: []protocol.PackageLoad{{Package: "tidyverse", Ms: 1900}, {Package: "xgboost", Ms: 87.4}}}
	p.init(2400*time.Millisecond, ready)
	p.init(12*time.Second, protocol.Ready{InitMs: 11900})
	p.expect(
		`ok    init: 2\.4 s, of which R and the runtime took 100 ms and the handler's file 2\.3 s: tidyverse 1\.9 s of 2\.4 s; xgboost 87 ms of 2\.4 s`,
		`warn  init: 12\.0 s, .*: Lambda ends an init after 10s .*`,
	)
}

func TestRecords(t *testing.T) {
	var records []protocol.Record
	for i := range 30 {
		records = append(records, protocol.Record{Level: "debug", Message: "timed", Call: fmt.Sprintf("library(p%d)", i),
			Load: &protocol.TimedLoad{Ms: float64(i), At: "f.R:1"}})
	}
	p := newPatient(t)
	p.records(append(records,
		protocol.Record{Level: "debug", Message: "timed", Call: "source(\"model.R\")", Load: &protocol.TimedLoad{Ms: 1500.5}},
		protocol.Record{Level: "warn", Message: "package built under another R"},
		protocol.Record{Level: "info", Message: "attaching"},
	))
	if n := len(p.found); n != maxTimed+1 {
		t.Errorf("%d findings, want %d", n, maxTimed+1)
	}
	p.found = []string{p.found[0], p.found[1], p.found[len(p.found)-1]}
	p.expect(
		`ok    init: 1\.5 s in source\("model.R"\)`,
		`ok    init: 29 ms in library\(p29\) \(f\.R:1\)`,
		`warn  init: loading the handler prints a warning, .*:\n        package built under another R`,
	)
}

// A program that is not R, and an R that never answers.
func TestNoR(t *testing.T) {
	p := newPatient(t)
	for bin, want := range map[string]string{
		"/bin/true":  `fail  R: /bin/true does not start: it exited at once, as if it were not R`,
		"/bin/false": `fail  R: /bin/false does not start: exit status 1`,
		"/not/there": `fail  R: /not/there does not start: .*no such file or directory`,
	} {
		p.Worker.Bin = bin
		p.r(context.Background())
		p.expect(want)
	}
	hangs := filepath.Join(t.TempDir(), "R")
	if err := os.WriteFile(hangs, []byte("#!/bin/sh\nsleep 1000 & wait\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	p.Worker.Bin = hangs
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	p.r(ctx)
	p.expect(`fail  R: .* does not start: context deadline exceeded`)
}

func TestOldR(t *testing.T) {
	old := filepath.Join(t.TempDir(), "R")
	script := "#!/bin/sh\nprintf 'version=3.6.3\\nhome=/usr/lib/R\\nno_jsonlite=there is no package\\n' >/proc/self/fd/4\necho a word >&2\n"
	if err := os.WriteFile(old, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	p := newPatient(t)
	p.Worker.Bin = old
	p.r(context.Background())
	p.expect(
		`fail  R: 3\.6\.3 at .* is too old: install R 4\.0 or later`,
		`warn  R: prints when it starts, which each new worker logs:\n        a word`,
		`fail  jsonlite: there is no package: install it .*`,
		`warn  plots: R has no cairo, so that PNG needs the R package ragg and SVG needs svglite: .*`,
	)
}
