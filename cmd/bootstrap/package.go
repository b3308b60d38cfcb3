package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"lambda-r-runtime/rscripts"
)

// runPackage writes the source tarball of the R package lambdaruntime to the folder that args name,
// by default the current one, and prints its path.
func runPackage(args []string, stdout io.Writer) error {
	flags := pflag.NewFlagSet("bootstrap package", pflag.ContinueOnError)
	flags.Usage = func() {} // run prints the help
	if done, err := parseFlags(flags, args, stdout); done {
		return err
	}
	dir := "."
	switch flags.NArg() {
	case 0:
	case 1:
		dir = flags.Arg(0)
	default:
		return fmt.Errorf("bootstrap package takes one folder, not %d", flags.NArg())
	}
	tarball, err := rscripts.Package()
	if err != nil {
		return err
	}
	file := filepath.Join(dir, rscripts.PackageFile())
	if err := os.WriteFile(file, tarball, 0o644); err != nil {
		return fmt.Errorf("write the R package: %w", err)
	}
	_, err = fmt.Fprintf(stdout, "wrote %s; to install it, run R CMD INSTALL %s\n", file, file)
	return err
}
