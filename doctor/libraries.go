package doctor

import (
	"bytes"
	"cmp"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Lambda's size limits: for zip files, unzipped and with all layers, and for images ("Lambda
// quotas").
const (
	maxZip   = 250 * mb
	maxImage = 10 << 10 * mb
)

// An installed package, as far as it is examined.
type installed struct {
	name    string
	base    bool     // part of R
	bytes   int64    // of all its files
	objects []string // its shared libraries that R loads
}

// libraries checks that the system libraries that R's packages need exist, and how large
// the packages are.
func (e *examination) libraries(r rFacts) {
	packages, own := readLibraries(r.libPaths)
	machine := elf.EM_NONE
	if f, err := elf.Open(filepath.Join(r.home, "bin/exec/R")); err == nil {
		machine = f.Machine
		f.Close()
	}
	e.sharedLibraries(packages, own, newLdso(machine, r.libraryPath, "/"))
	e.size(packages)
}

// readLibraries returns the packages in these folders, and the names of all shared libraries
// in them, because one package may load the library of another.
func readLibraries(dirs []string) (packages []installed, own map[string]bool) {
	own = map[string]bool{}
	var seen []string
	for _, dir := range dirs {
		dir, err := filepath.EvalSymlinks(dir)
		if err != nil || slices.Contains(seen, dir) {
			continue
		}
		seen = append(seen, dir)
		descriptions, _ := filepath.Glob(filepath.Join(dir, "*/DESCRIPTION")) // the only error is a bad pattern
		for _, description := range descriptions {
			text, _ := os.ReadFile(description) // R reports errors that matter
			p := installed{
				name: filepath.Base(filepath.Dir(description)),
				base: bytes.Contains(text, []byte("\nPriority: base\n")),
			}
			p.read(filepath.Dir(description), own)
			packages = append(packages, p)
		}
	}
	return packages, own
}

// read examines the files of the package in dir. Files that cannot be read do not count.
func (p *installed) read(dir string, own map[string]bool) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return
	}
	_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil
		}
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			p.bytes += info.Size()
		}
		if strings.Contains(entry.Name(), ".so") {
			own[entry.Name()] = true
		}
		if rest, ok := strings.CutPrefix(path, filepath.Join(dir, "libs")+"/"); ok && filepath.Ext(rest) == ".so" {
			p.objects = append(p.objects, path)
		}
		return nil
	})
}

// sharedLibraries reports system libraries that packages need and that are missing.
func (e *examination) sharedLibraries(packages []installed, own map[string]bool, l *ldso) {
	missing := map[string][]installed{} // by the name of the library
	users, broken := 0, 0               // packages with shared libraries of their own; those that cannot be loaded
	for _, p := range packages {
		users += min(1, len(p.objects))
		for _, object := range p.objects {
			names, err := l.missing(object)
			if err != nil {
				broken++
				e.brokenLibrary(p.name, object, err)
			}
			for _, name := range names {
				known := slices.ContainsFunc(missing[name], func(other installed) bool { return other.name == p.name })
				if !own[name] && !known {
					missing[name] = append(missing[name], p)
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		e.missingLibrary(name, missing[name])
	}
	if len(missing) == 0 && broken == 0 {
		e.ok("shared libraries", "found all that %d of %d packages need", users, len(packages))
	}
}

// brokenLibrary reports a package's own library that R cannot load because of err.
func (e *examination) brokenLibrary(name, object string, err error) {
	if wrong, ok := errors.AsType[*wrongMachineError](err); ok {
		e.fail("shared libraries", "%s cannot be loaded: %v: install %s in an image for %s",
			object, err, name, machineName(wrong.want))
		return
	}
	e.fail("shared libraries", "%s cannot be loaded: %v: install %s again", object, err, name)
}

// missingLibrary reports a missing library that these packages need. R itself includes
// packages for windows and plots that few functions need.
func (e *examination) missingLibrary(name string, users []installed) {
	var names []string
	onlyBase := true
	for _, p := range users {
		names = append(names, p.name)
		onlyBase = onlyBase && p.base
	}
	text := fmt.Sprintf("%s is missing, for %s: install the system package that contains it "+
		"(Debian, Ubuntu: apt-file search %s)",
		name, strings.Join(names, ", "), name)
	if onlyBase {
		e.warn("shared libraries", "%s, unless your function does not use these parts of R", text)
		return
	}
	e.fail("shared libraries", "%s", text)
}

// size reports the size of all packages, and the five largest.
func (e *examination) size(packages []installed) {
	var sum int64
	for _, p := range packages {
		sum += p.bytes
	}
	bySize := func(a, b installed) int { return cmp.Compare(b.bytes, a.bytes) }
	largest := slices.SortedStableFunc(slices.Values(packages), bySize)
	var names []string
	for _, p := range largest[:min(5, len(largest))] {
		names = append(names, fmt.Sprintf("%s %s", p.name, megabytes(p.bytes)))
	}
	text := fmt.Sprintf("%s in %d packages, the largest %s", megabytes(sum), len(packages), strings.Join(names, ", "))
	switch {
	case sum > maxImage:
		e.fail("library", "%s: Lambda accepts images of at most 10 GB: remove packages", text)
	case sum > maxZip:
		e.ok("library", "%s; it fits into an image (10 GB), but not into zip files and layers (250 MB)", text)
	default:
		e.ok("library", "%s", text)
	}
}

// megabytes formats a size for people, with one decimal if it is small.
func megabytes(n int64) string {
	if n < 10*mb {
		return fmt.Sprintf("%.1f MB", float64(n)/mb)
	}
	return fmt.Sprintf("%d MB", n/mb)
}
