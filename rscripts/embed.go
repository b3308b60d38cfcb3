// Package rscripts holds the R side of the runtime: the R files of this folder,
// embedded in the binary. Their tests are under tests/testthat.
package rscripts

import (
	"bytes"
	"embed"
	"io/fs"
)

//go:embed */*.R
var files embed.FS

// loader makes an environment of the R files, whose parent is base, so that user code
// can neither see the runtime nor get between it and base R, locks it, and runs it. It
// reads the files itself: the reader of R's own loop takes 170 ms for them, parse()
// takes 1 ms.
const loader = `base::local({ ` +
	`runtime <- base::new.env(parent = base::baseenv()); ` +
	`base::eval(base::parse(text = base::readLines("/proc/self/fd/6"), keep.source = FALSE), runtime); ` +
	`base::lockEnvironment(runtime, bindings = TRUE); ` +
	`runtime }, envir = base::new.env(parent = base::baseenv()))$run_worker()`

// Loader returns the script, of one line, that makes an R process a worker. It is apart
// from the R files, because the rest of a script is what R's console reads: readLines(stdin())
// and browser() in user code would get it.
func Loader() []byte { return []byte(loader + "\n") }

// Files returns every R file of the rooms below this folder, as one text. R must have it as
// file descriptor 6.
func Files() []byte {
	var b bytes.Buffer
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := files.ReadFile(path)
		b.Write(text)
		return err
	})
	if err != nil {
		panic(err) // the files are in the binary
	}
	return b.Bytes()
}
