package doctor

import (
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// build builds a shared library that needs others, and returns its path.
func build(t *testing.T, path string, needs []string, flags ...string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(t.TempDir(), "empty.c")
	if err := os.WriteFile(source, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"-shared", "-nostdlib", "-Wl,--no-as-needed,--allow-shlib-undefined", "-o", path, source}, needs...)
	if out, err := exec.Command("gcc", append(args, flags...)...).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v (make test installs it)\n%s", err, out)
	}
	return path
}

// named sets the name that users of the library record.
func named(name string) string { return "-Wl,-soname," + name }

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// machine returns the machine of the libraries that build builds.
func machine() elf.Machine {
	return map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[runtime.GOARCH]
}

func TestMissing(t *testing.T) {
	root := t.TempDir()
	at := func(path string) string { return filepath.Join(root, path) }
	deep := build(t, at("usr/lib/libdeep.so.1"), nil, named("libdeep.so.1"))
	wide := build(t, at("usr/lib/libwide.so.5"), []string{deep}, named("libwide.so.5"))
	beside := build(t, at("r/libs/libbeside.so"), nil, named("libbeside.so"))
	far := build(t, at("opt/libfar.so"), nil, named("libfar.so"))
	direct := build(t, at("r/libs/direct.so"), []string{deep})
	through := build(t, at("r/libs/through.so"), []string{wide})
	origin := build(t, at("r/libs/origin.so"), []string{beside}, "-Wl,-rpath,$ORIGIN")
	noOrigin := build(t, at("r/libs/noorigin.so"), []string{beside})
	runpath := build(t, at("r/libs/runpath.so"), []string{far}, "-Wl,--enable-new-dtags,-rpath,/nowhere:"+at("opt"))
	toFar := build(t, at("r/libs/tofar.so"), []string{far})

	check := func(file, libraryPath string, want ...string) {
		t.Helper()
		got, err := newLdso(machine(), libraryPath, root).missing(file)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s lacks %q, %v; want %q", filepath.Base(file), got, err, want)
		}
	}
	check(direct, "")
	check(through, "")
	check(origin, "")
	check(noOrigin, "", "libbeside.so")
	check(noOrigin, at("nothing")+":"+at("r/libs"))
	check(runpath, "")
	check(toFar, "", "libfar.so")

	// The cache lists libraries outside the default folders.
	if err := os.MkdirAll(at("etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	cache := "glibc-ld.so.cache1.1\x02\x00\x00\x00\x07\x00\x00/\x00\x00\x00@libfar.so\x00" + far + "\x00/gone/libbeside.so\x00"
	if err := os.WriteFile(at("etc/ld.so.cache"), []byte(cache), 0o644); err != nil {
		t.Fatal(err)
	}
	check(toFar, "")
	check(noOrigin, "", "libbeside.so")

	remove(t, deep)
	check(direct, "", "libdeep.so.1")
	check(through, "", "libdeep.so.1") // of the library that it needs
	remove(t, wide)
	check(through, "", "libwide.so.5")
}

// The C library is found where this machine's own loader finds it.
func TestMissingOnThisMachine(t *testing.T) {
	file := build(t, filepath.Join(t.TempDir(), "x.so"), []string{"-lm", "-lc"})
	if names, err := newLdso(machine(), "", "/").missing(file); err != nil || len(names) > 0 {
		t.Errorf("missing %q, %v", names, err)
	}
}

func TestLibrariesNeedEachOther(t *testing.T) {
	root := t.TempDir()
	a, b := filepath.Join(root, "usr/lib/liba.so"), filepath.Join(root, "usr/lib/libb.so")
	build(t, a, nil, named("liba.so"))
	build(t, b, []string{a}, named("libb.so"))
	build(t, a, []string{b}, named("liba.so"))
	if names, err := newLdso(machine(), "", root).missing(a); err != nil || len(names) > 0 {
		t.Errorf("missing %q, %v", names, err)
	}
}

func TestNoLibrary(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.so")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := newLdso(machine(), "", "/").missing(path); err == nil {
		t.Error("a script is taken for a library")
	}
}

func TestOtherMachine(t *testing.T) {
	root := t.TempDir()
	path := build(t, filepath.Join(root, "usr/lib/x.so"), nil, named("x.so"))
	user := build(t, filepath.Join(root, "y.so"), []string{path})
	other := elf.EM_S390
	_, err := newLdso(other, "", root).missing(path)
	if wrong, ok := errors.AsType[*wrongMachineError](err); !ok || wrong.want != other || !strings.Contains(err.Error(), "but R is for EM_S390") {
		t.Errorf("got %v", err)
	}
	// A library for another machine is skipped.
	patchMachine(t, path, other)
	if names, err := newLdso(machine(), "", root).missing(user); err != nil || !slices.Equal(names, []string{"x.so"}) {
		t.Errorf("missing %q, %v", names, err)
	}
}

// patchMachine changes the machine in the header of an ELF file.
func patchMachine(t *testing.T, path string, m elf.Machine) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt([]byte{byte(m), 0}, 18)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}
