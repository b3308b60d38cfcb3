// Package rscripts holds the R side of the runtime, embedded in the binary: the R files of the
// rooms below this folder. Their tests are in tests/testthat, one file for each.
//
// The same files make four programs. A worker has all rooms but desk, debug, package and web. `bootstrap
// debug` adds desk and debug. A web server has web alone, in its site profile. The package lambdaruntime, which users install on their own machines,
// has desk and package instead of loop, fork and snapshot.
package rscripts

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
)

//go:embed */*.R
var files embed.FS

// load is an R expression of one line: it evaluates the R files, the text in a file, in an environment
// whose parent is base, locks it and returns it. User code can neither see that environment nor come
// between it and base R. parse() takes 11 ms for the files of a worker; the reader of R's own loop
// would take 170 ms. readBin() takes 1 ms, and readLines() 4.
const load = `base::local({ ` +
	`runtime <- base::new.env(parent = base::baseenv()); ` +
	`path <- %q; ` +
	`text <- base::rawToChar(base::readBin(path, "raw", base::file.size(path))); ` +
	`base::eval(base::parse(text = text, keep.source = FALSE), runtime); ` +
	`base::lockEnvironment(runtime, bindings = TRUE); ` +
	`runtime }, envir = base::new.env(parent = base::baseenv()))`

// Loader returns the script, one line, that makes an R process a worker. The R files are not
// part of it, because R's console reads the rest of a script: readLines(stdin()) and browser()
// in user code would get it.
func Loader() []byte { return fmt.Appendf(nil, load+"$run_worker()\n", "/proc/self/fd/6") }

// Files returns the R files of a worker as one text. R must have it as file descriptor 6.
func Files() []byte { return join(without("desk", "debug", "package", "web")) }

// DebugFiles returns the R files of `bootstrap debug` as one text.
func DebugFiles() []byte { return join(without("package", "web")) }

// DebugProfile returns the profile of an interactive R that `bootstrap debug` starts. It reads
// DebugFiles from the path files, and calls begin_debugging() with config, an R expression.
func DebugProfile(files, config string) []byte {
	return fmt.Appendf(nil, load+"$begin_debugging(%s)\n", files, config)
}

// WebProfile returns the site profile of a web server in R: see web/site-profile.R, begin_web_server().
func WebProfile() []byte {
	return fmt.Appendf(nil, "base::local({\n%s\nbegin_web_server()\n}, envir = base::new.env(parent = base::baseenv()))\n",
		read("web/site-profile.R"))
}

// without returns the names of the R files, in their order, but not those of the given rooms.
func without(rooms ...string) []string {
	names, err := fs.Glob(files, "*/*.R")
	if err != nil {
		panic(err) // the pattern is wrong
	}
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(rooms, path.Dir(name)) })
}

// join returns the named files as one text.
func join(names []string) []byte {
	var b bytes.Buffer
	for _, name := range names {
		b.Write(read(name))
	}
	return b.Bytes()
}

func read(name string) []byte {
	text, err := files.ReadFile(name)
	if err != nil {
		panic(err) // the files are in the binary
	}
	return text
}
