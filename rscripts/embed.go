// Package rscripts holds the R side of the runtime, embedded in the binary: the R files of the
// rooms below this folder. Their tests are in tests/testthat, one file for each.
package rscripts

import (
	"bytes"
	"embed"
	"io/fs"
)

//go:embed */*.R
var files embed.FS

// loader evaluates the R files in an environment whose parent is base, locks it and runs the
// worker. User code can neither see that environment nor come between it and base R. parse()
// takes 1 ms for the files; the reader of R's own loop would take 170 ms.
const loader = `base::local({ ` +
	`runtime <- base::new.env(parent = base::baseenv()); ` +
	`base::eval(base::parse(text = base::readLines("/proc/self/fd/6"), keep.source = FALSE), runtime); ` +
	`base::lockEnvironment(runtime, bindings = TRUE); ` +
	`runtime }, envir = base::new.env(parent = base::baseenv()))$run_worker()`

// Loader returns the script, one line, that makes an R process a worker. The R files are not
// part of it, because R's console reads the rest of a script: readLines(stdin()) and browser()
// in user code would get it.
func Loader() []byte { return []byte(loader + "\n") }

// Files returns the R files as one text. R must have it as file descriptor 6.
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
