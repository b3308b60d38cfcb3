// Bootstrap is a custom AWS Lambda runtime for R. It keeps R worker processes warm behind
// the Lambda Runtime API. Outside Lambda it serves the same function behind an emulator.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
)

// The linker sets these (Makefile). commit ends in -dirty if files differed from it.
var (
	version = "dev"
	commit  = ""
)

func main() {
	err := run(context.Background(), os.Args[1:], os.Getenv, os.Stdout)
	if err != nil && !errors.Is(err, errReported) {
		fmt.Fprintln(os.Stderr, "bootstrap: "+describe(err))
	}
	if err != nil {
		os.Exit(1)
	}
}

const usage = `bootstrap serves an R function as AWS Lambda does.

  bootstrap [HANDLER]                in Lambda: serve HANDLER (default: $_HANDLER);
                                     elsewhere: the same as bootstrap local
  bootstrap local [FLAGS] HANDLER    serve HANDLER on this machine
  bootstrap debug [--event FILE] HANDLER
                                     start R with HANDLER loaded: invoke(list(n = 1)) runs
                                     it, and browser(), debugonce() and recover() work
  bootstrap doctor [HANDLER]         check this machine or image and print what to
                                     fix; exit with status 1 if a check fails
  bootstrap doctor --snapstart HANDLER
                                     also take HANDLER through the phases of SnapStart and
                                     print what a restore breaks
  bootstrap package [FOLDER]         write the R package lambdaruntime, to be installed
                                     with R CMD INSTALL: help pages, and tests of handlers
  bootstrap version                  print the version, the commit and Go's version

HANDLER is file.function: functions.parity is parity() in functions.R. A command, such as
Rscript app.R, is a web server: bootstrap local -- Rscript app.R

Flags of bootstrap local:
`

// run runs the command that args name. Servers return nil after a signal stopped them.
func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	if inLambda(getenv) {
		return runLambda(ctx, args, getenv, stdout)
	}
	command := ""
	if len(args) > 0 {
		command = args[0]
	}
	switch command {
	case "local":
		return runLocal(ctx, args[1:], getenv, stdout)
	case "debug":
		return runDebug(ctx, args[1:], getenv, stdout)
	case "doctor":
		return runDoctor(ctx, args[1:], getenv, stdout)
	case "package":
		return runPackage(args[1:], stdout)
	case "version":
		return printVersion(stdout)
	case "help":
		return printHelp(stdout)
	default:
		return runLocal(ctx, args, getenv, stdout)
	}
}

func printHelp(stdout io.Writer) error {
	flags, _ := localFlags()
	_, err := fmt.Fprint(stdout, usage+flags.FlagUsagesWrapped(90))
	return err
}

// printVersion prints the versions of this binary and of Go, and the commit if known.
func printVersion(stdout io.Writer) error {
	from := cmp.Or(commit, recordedCommit())
	if from != "" {
		from = ", commit " + from
	}
	_, err := fmt.Fprintf(stdout, "lambda-r-runtime %s (%s%s)\n", version, runtime.Version(), from)
	return err
}

// recordedCommit returns the commit that a plain go build records, "" if it did not.
func recordedCommit() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return ""
}
