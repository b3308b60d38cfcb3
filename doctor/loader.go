package doctor

import (
	"bytes"
	"debug/elf"
	"os"
	"path/filepath"
	"strings"
)

// A loader finds shared libraries as the system's dynamic loader does, without running
// anything: not all that is looked at can be run, and an image need not have ldd.
type loader struct {
	machine elf.Machine // of R; elf.EM_NONE: not known
	path    []string    // LD_LIBRARY_PATH, and the folders that are always looked into
	cache   []string    // the libraries in ld.so.cache
	checked map[string][]string
}

// newLoader returns the loader of an R with this machine and LD_LIBRARY_PATH, in the
// system whose root folder is root.
func newLoader(machine elf.Machine, libraryPath, root string) *loader {
	l := &loader{machine: machine, path: filepath.SplitList(libraryPath), checked: map[string][]string{}}
	for _, pattern := range []string{"lib", "usr/lib", "lib64", "usr/lib64", "lib/*-linux-gnu*", "usr/lib/*-linux-gnu*"} {
		dirs, _ := filepath.Glob(filepath.Join(root, pattern)) // the only error is a bad pattern
		l.path = append(l.path, dirs...)
	}
	cache, err := os.ReadFile(filepath.Join(root, "etc/ld.so.cache"))
	if err != nil { // musl has none, and looks there, too
		l.path = append(l.path, filepath.Join(root, "usr/local/lib"))
	}
	// A table of numbers, and then the paths that they point to, each with a zero byte at
	// its end. A number that is taken for a path does no harm: there is no such file.
	for entry := range bytes.SplitSeq(cache, []byte{0}) {
		if slash := bytes.IndexByte(entry, '/'); slash >= 0 {
			l.cache = append(l.cache, string(entry[slash:]))
		}
	}
	return l
}

// missing returns the names of the libraries that file needs, directly or through
// others, and that are not to be found. An error means that file is no library for R.
func (l *loader) missing(file string) ([]string, error) {
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
		return nil, nil // no dynamic section: it needs nothing
	}
	var dirs []string
	for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH} {
		entries, _ := f.DynString(tag) // without one there are none
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
		more, _ := l.missing(found) // find has seen that it is a library
		names = append(names, more...)
	}
	l.checked[file] = names
	return names, nil
}

// find returns the path of a library, or "".
func (l *loader) find(name string, dirs []string) string {
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

// fits reports whether path is a library for R's machine. The loader passes over others.
func (l *loader) fits(path string) bool {
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
	return "it was built for " + machineName(e.built) + ", and R is for " + machineName(e.want)
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
