// Bootstrap is a custom AWS Lambda runtime for R: it keeps warm R processes behind
// the Lambda Runtime API. Outside Lambda it serves the same function behind an
// emulator of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/pflag"
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

const usage = `bootstrap runs an R function as AWS Lambda does.

  bootstrap [HANDLER]                in Lambda: serve HANDLER (else _HANDLER);
                                     elsewhere: the same as bootstrap local
  bootstrap local [FLAGS] HANDLER    serve HANDLER on this machine
  bootstrap doctor [HANDLER]         say what is wrong with this machine or image,
                                     and what to do; status 1 if anything is
  bootstrap version                  print the version

HANDLER is file.function: functions.parity is parity() in functions.R.

Flags of bootstrap local:
`

// run does what the command line says. It returns nil when that was done, for a
// server when it was asked to stop.
func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	if inLambda(getenv) {
		return runLambda(ctx, args, getenv, stdout)
	}
	command := "local"
	if len(args) > 0 && slices.Contains([]string{"local", "doctor", "version", "help"}, args[0]) {
		command, args = args[0], args[1:]
	}
	local, options := localFlags()
	flags := local
	if command == "doctor" {
		flags = pflag.NewFlagSet("bootstrap doctor", pflag.ContinueOnError) // it has none
		flags.Usage = local.Usage
	}
	switch command {
	case "version":
		_, err := fmt.Fprintln(stdout, versionText())
		return err
	case "help":
		_, err := fmt.Fprint(stdout, usage+local.FlagUsages())
		return err
	}
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			_, err := fmt.Fprint(stdout, usage+local.FlagUsages())
			return err
		}
		return fmt.Errorf("%w (bootstrap help lists the flags)", err)
	}
	if command == "doctor" {
		return runDoctor(ctx, flags.Args(), getenv, stdout)
	}
	return runLocal(ctx, flags, options, getenv, stdout)
}
