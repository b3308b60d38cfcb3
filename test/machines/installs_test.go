//go:build machines

package machines

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// withoutR is a PATH in which there is no R.
const withoutR = "PATH=/usr/sbin:/sbin:/bin"

// installs are installations of R that are not Debian's.
var installs = []struct {
	name     string
	machine  machine
	lines    []string // of the doctor
	jsonlite string   // where it is, if it was moved
}{
	{"rstudio", machine{
		setup: "mount -t tmpfs none /opt; move_r /opt/R/4.2.2/lib/R /opt/R/4.2.2/bin/R",
		env:   []string{withoutR},
	}, []string{`ok    R: 4\.\S+ at /opt/R/4\.2\.2/bin/R`}, ""},
	{"rocker", machine{
		setup: "mount -t tmpfs none /usr/local; move_r /usr/local/lib/R /usr/local/lib/R/bin/R; mkdir /usr/local/bin; ln -s ../lib/R/bin/R /usr/local/bin/R",
		env:   []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
	}, []string{`ok    R: 4\.\S+ at /usr/local/bin/R`}, ""},
	{"rocker without a PATH", machine{
		setup: "mount -t tmpfs none /usr/local; move_r /usr/local/lib/R /usr/local/lib/R/bin/R",
		env:   []string{withoutR},
	}, []string{`ok    R: 4\.\S+ at /usr/local/lib/R/bin/R`}, ""},
	// A prefix of its own, named by a setting, with system libraries in it.
	{"conda", machine{
		setup: `mount -t tmpfs none /opt; move_r /opt/conda/lib/R /opt/conda/bin/R
blas=$(ldconfig -p | sed -n 's,.* => \(/.*/libblas\.so\.3\)$,\1,p' | head -n 1)
cp -L "$blas" /opt/conda/lib/libblas.so.3
mount --bind /dev/null "$(readlink -f "$blas")"
sed 's,R_HOME}/lib:,R_HOME}/lib:/opt/conda/lib:,' /etc/R/ldpaths >"$scratch/ldpaths"
mount --bind "$scratch/ldpaths" /etc/R/ldpaths`,
		env: []string{withoutR, "LAMBDA_R_BIN=/opt/conda/bin/R"},
	}, []string{`ok    R: 4\.\S+ at /opt/conda/bin/R`}, ""},
	{"R_HOME", machine{
		setup: "mount -t tmpfs none /srv; move_r /srv/R /srv/R/bin/R",
		env:   []string{withoutR, "R_HOME=/srv/R"},
	}, []string{`ok    R: 4\.\S+ at /srv/R/bin/R`}, ""},
	{"a library of the site", machine{
		setup: "mount -t tmpfs none /usr/local/lib; move_package jsonlite /usr/local/lib/R/site-library",
	}, nil, "/usr/local/lib/R/site-library/jsonlite"},
	{"R_LIBS_USER", machine{
		setup: "mount -t tmpfs none /srv; move_package jsonlite /srv/library",
		env:   []string{"R_LIBS_USER=/srv/library"},
	}, nil, "/srv/library/jsonlite"},
}

func TestInstalls(t *testing.T) {
	for _, install := range installs {
		t.Run(install.name, func(t *testing.T) {
			dir := functions(t)
			checkInstall(t, install.machine, dir, install.lines)
			if install.jsonlite != "" {
				checkLibrary(t, install.machine, dir, install.jsonlite)
			}
		})
	}
}

// checkInstall checks that the doctor finds nothing wrong, and that R draws.
func checkInstall(t *testing.T, m machine, dir string, lines []string) {
	t.Helper()
	out, code := m.doctor(t, dir, "functions.draw")
	expectLines(t, out, append(lines, `ok    jsonlite: [\d.]+`, `ok    shared libraries: found all that .*`, `ok    handler: functions\.draw was loaded`)...)
	if code != 0 {
		t.Errorf("the doctor's exit status is %d; it printed:\n%s", code, out)
	}
	_, url := m.serve(t, dir, "functions.draw")
	checkPlot(t, url)
}

// checkLibrary checks that R finds jsonlite in this folder.
func checkLibrary(t *testing.T, m machine, dir, want string) {
	t.Helper()
	_, url := m.serve(t, dir, "functions.libraries")
	if a := get(t, url); !strings.Contains(a.Body, `"`+want+`"`) {
		t.Errorf("jsonlite is not %s: %s", want, a.Body)
	}
}

// A project of renv: its profile puts a library of links to renv's cache before all others.
func TestInstallRenv(t *testing.T) {
	const library = "renv/library/linux-debian-bookworm/R-4/x86_64-pc-linux-gnu"
	dir := functions(t)
	for path, text := range map[string]string{
		".Rprofile":       "source(\"renv/activate.R\")\n",
		"renv/activate.R": ".libPaths(c(file.path(getwd(), \"" + library + "\"), .Library))\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, path), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m := machine{setup: "mount -t tmpfs none /srv; move_package jsonlite /srv/cache; mkdir -p " + dir + "/" + library +
		"; ln -sfn /srv/cache/jsonlite " + dir + "/" + library + "/jsonlite"}
	checkInstall(t, m, dir, nil)
	checkLibrary(t, m, dir, "/srv/cache/jsonlite") // find.package() follows links
}

// With OpenBLAS, which has threads, R computes in spawned workers and in forked ones.
func TestInstallOpenBLAS(t *testing.T) {
	unpacked, err := filepath.Abs("../../bin/openblas")
	if err != nil {
		t.Fatal(err)
	}
	setup := `mkdir "$scratch/blas"; cp ` + unpacked + `/* "$scratch/blas"; mount -t tmpfs none /opt
mkdir /opt/openblas; cp "$scratch"/blas/* /opt/openblas
sed 's,R_HOME}/lib:,R_HOME}/lib:/opt/openblas:,' /etc/R/ldpaths >"$scratch/ldpaths"
mount --bind "$scratch/ldpaths" /etc/R/ldpaths`
	dir := functions(t)
	for _, fork := range []string{"never", "always"} {
		t.Run("fork "+fork, func(t *testing.T) {
			m := machine{setup: setup, env: []string{"LAMBDA_R_FORK=" + fork, "LOG_LEVEL=debug"}}
			p, url := m.serve(t, dir, "functions.solve_it")
			if a := get(t, url); a.Body != `{"blas":"/opt/openblas/libblas.so.3","x":0.5}` {
				t.Errorf("status %d, %s", a.Status, a.Body)
			}
			if forked := strings.Contains(p.Output.String(), "forked"); forked != (fork == "always") {
				t.Errorf("forked: %t; it printed:\n%s", forked, p.Output.String())
			}
		})
	}
	checkInstall(t, machine{setup: setup}, dir, nil)
}

// An R without X11, cairo and Tcl draws PDF, and reports what PNG and SVG need.
func TestInstallWithoutCairo(t *testing.T) {
	m := machine{setup: `cp /usr/lib/R/library/grDevices/libs/grDevices.so /usr/lib/R/modules/internet.so /usr/lib/R/modules/lapack.so "$scratch"
mount -t tmpfs none /usr/lib/R/library/grDevices/libs
mount -t tmpfs none /usr/lib/R/modules
mount -t tmpfs none /usr/lib/R/library/tcltk
mv "$scratch/grDevices.so" /usr/lib/R/library/grDevices/libs
mv "$scratch/internet.so" "$scratch/lapack.so" /usr/lib/R/modules`}
	dir := functions(t)
	out, code := m.doctor(t, dir, "functions.pages")
	expectLines(t, out, `warn  plots: .*cairo.*ragg.*svglite.*`)
	if code != 0 {
		t.Errorf("the doctor's exit status is %d; it printed:\n%s", code, out)
	}
	_, url := m.serve(t, dir, "functions.pages")
	if a := get(t, url); !strings.HasPrefix(a.Body, "%PDF-") {
		t.Errorf("status %d, %.300s", a.Status, a.Body)
	}
	for handler, want := range map[string]string{
		"functions.draw":   "R can draw no PNG here: .*cairo.*the R package ragg",
		"functions.vector": "R can draw no SVG here: .*cairo.*the R package svglite",
	} {
		p, url := m.serve(t, dir, handler)
		if a := get(t, url); a.Status != http.StatusInternalServerError {
			t.Errorf("%s: status %d, %.300s", handler, a.Status, a.Body)
		}
		waitFor(t, p, want)
	}
}
