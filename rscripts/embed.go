// Package rscripts holds the R side of the runtime: the R files of this folder,
// embedded in the binary. Their tests are under tests/testthat.
package rscripts

import (
	"bytes"
	"embed"
	"fmt"
)

//go:embed *.R
var files embed.FS

// Script returns what an R process evaluates to become a worker: every R file of
// this folder, in an environment of its own whose parent is base, so that user
// code can neither see the runtime nor get between it and base R.
func Script() []byte {
	var b bytes.Buffer
	b.WriteString("base::local({\n")
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // the files are in the binary
	}
	for _, entry := range entries {
		text, err := files.ReadFile(entry.Name())
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(&b, "#line 1 \"%s\"\n%s\n", entry.Name(), text)
	}
	b.WriteString("run_worker()\n}, envir = base::new.env(parent = base::baseenv()))\n")
	return b.Bytes()
}
