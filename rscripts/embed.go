// Package rscripts holds the R side of the runtime: the R files of this folder,
// embedded in the binary. Their tests are under tests/testthat.
package rscripts

import (
	"bytes"
	"embed"
)

//go:embed *.R
var files embed.FS

// loader makes an environment of the rest of the file, whose parent is base, so that
// user code can neither see the runtime nor get between it and base R, and runs it. It
// reads the file itself: the reader of R's own loop, which gets this line, takes 170 ms
// for all the others, parse() takes 1 ms.
const loader = `base::local({ ` +
	`runtime <- base::new.env(parent = base::baseenv()); ` +
	`base::eval(base::parse(text = base::readLines("/proc/self/fd/5")[-1L], keep.source = FALSE), runtime); ` +
	`runtime }, envir = base::new.env(parent = base::baseenv()))$run_worker()`

// Script returns the file that makes an R process a worker: the loader on the first
// line, and then every R file of this folder. R must have it as file descriptor 5.
func Script() []byte {
	var b bytes.Buffer
	b.WriteString(loader + "\n")
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // the files are in the binary
	}
	for _, entry := range entries {
		text, err := files.ReadFile(entry.Name())
		if err != nil {
			panic(err)
		}
		b.Write(text)
	}
	return b.Bytes()
}
