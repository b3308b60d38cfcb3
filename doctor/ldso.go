package doctor

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// An ldso finds shared libraries as the system's dynamic loader does. It runs nothing, because
// not every library that is examined can be loaded, and an image may not have ldd.
type ldso struct {
	machine elf.Machine         // R's; elf.EM_NONE if unknown
	path    []string            // LD_LIBRARY_PATH, and the default folders
	cache   []string            // the libraries in ld.so.cache
	checked map[string][]string // what missing returned, by file
}

// newLdso returns the loader of an R with this machine and LD_LIBRARY_PATH, in the system
// whose root folder is root.
func newLdso(machine elf.Machine, libraryPath, root string) *ldso {
	l := &ldso{machine: machine, path: filepath.SplitList(libraryPath), checked: map[string][]string{}}
	for _, pattern := range []string{"lib", "usr/lib", "lib64", "usr/lib64", "lib/*-linux-gnu*", "usr/lib/*-linux-gnu*"} {
		dirs, _ := filepath.Glob(filepath.Join(root, pattern)) // the only error is a bad pattern
		l.path = append(l.path, dirs...)
	}
	cache, err := os.ReadFile(filepath.Join(root, "etc/ld.so.cache"))
	if err != nil { // musl has no cache and looks there, too
		l.path = append(l.path, filepath.Join(root, "usr/local/lib"))
	}
	// The cache is a table of numbers, followed by the paths that they point to, each ending
	// with a zero byte. A number taken for a path does no harm: no such file exists.
	for entry := range bytes.SplitSeq(cache, []byte{0}) {
		if slash := bytes.IndexByte(entry, '/'); slash >= 0 {
			l.cache = append(l.cache, string(entry[slash:]))
		}
	}
	return l
}

// missing returns the names of the libraries that file needs, directly or through others,
// and that cannot be found. An error means that file is not a library for R.
func (l *ldso) missing(file string) ([]string, error) {
	if names, ok := l.checked[file]; ok {
		return names, nil
	}
	f, err := elf.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if l.machine != elf.EM_NONE && f.Machine != l.machine {
		return nil, &wrongMachineError{f.Machine, l.machine}
	}
	l.checked[file] = nil // libraries may need each other
	needed, err := f.ImportedLibraries()
	if err != nil {
		return nil, nil // without a dynamic section, it needs nothing
	}
	var dirs []string
	for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH} {
		entries, _ := f.DynString(tag) // an error means that there are none
		for _, entry := range entries {
			for _, dir := range filepath.SplitList(entry) {
				origin := strings.NewReplacer("$ORIGIN", filepath.Dir(file), "${ORIGIN}", filepath.Dir(file))
				dirs = append(dirs, origin.Replace(dir))
			}
		}
	}
	dirs = append(dirs, l.path...)
	var names []string
	for _, name := range needed {
		found := l.find(name, dirs)
		if found == "" {
			names = append(names, name)
			continue
		}
		more, _ := l.missing(found) // find returns only libraries
		names = append(names, more...)
	}
	l.checked[file] = names
	return names, nil
}

// find returns the path of a library, or "".
func (l *ldso) find(name string, dirs []string) string {
	if strings.Contains(name, "/") {
		if l.fits(name) {
			return name
		}
		return ""
	}
	for _, dir := range dirs {
		if path := filepath.Join(dir, name); l.fits(path) {
			return path
		}
	}
	for _, path := range l.cache {
		if filepath.Base(path) == name && l.fits(path) {
			return path
		}
	}
	return ""
}

// fits reports whether path is a library for R's machine. The loader skips others.
func (l *ldso) fits(path string) bool {
	if _, ok := l.checked[path]; ok {
		return true
	}
	f, err := elf.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return l.machine == elf.EM_NONE || f.Machine == l.machine
}

// A wrongMachineError reports a library that was built for another machine.
type wrongMachineError struct {
	built, want elf.Machine
}

func (e *wrongMachineError) Error() string {
	return fmt.Sprintf("built for %s, but R is for %s", machineName(e.built), machineName(e.want))
}

func machineName(m elf.Machine) string {
	switch m {
	case elf.EM_X86_64:
		return "x86_64"
	case elf.EM_AARCH64:
		return "arm64"
	default:
		return m.String()
	}
}
