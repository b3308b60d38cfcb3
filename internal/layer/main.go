// Layer makes a Lambda layer of a bootstrap: layer BOOTSTRAP ZIP. Lambda unpacks it into
// /opt, and provided.al2023 runs /opt/bootstrap where /var/task has none.
package main

import (
	"archive/zip"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: layer BOOTSTRAP ZIP")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "layer:", err)
		os.Exit(1)
	}
}

// run writes the layer of the binary at bootstrap to the file at path.
func run(bootstrap, path string) error {
	binary, err := os.ReadFile(bootstrap)
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(writeLayer(f, binary), f.Close())
}

// writeLayer writes a zip with nothing in it but the binary. The same binary gives the
// same bytes: the time in it is the first that a zip can hold.
func writeLayer(w io.Writer, binary []byte) error {
	z := zip.NewWriter(w)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestCompression)
	})
	header := &zip.FileHeader{
		Name:     "bootstrap",
		Method:   zip.Deflate,
		Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	header.SetMode(0o755)
	entry, err := z.CreateHeader(header)
	if err != nil {
		return err
	}
	if _, err := entry.Write(binary); err != nil {
		return err
	}
	return z.Close()
}
