package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"lambda-r-runtime/internal/memfd"
	"lambda-r-runtime/lambdalog"
	"lambda-r-runtime/rscripts"
	"lambda-r-runtime/worker"
)

// debugOptions are the flags of bootstrap debug.
type debugOptions struct{ event string }

func debugFlags() (*pflag.FlagSet, *debugOptions) {
	flags := pflag.NewFlagSet("bootstrap debug", pflag.ContinueOnError)
	flags.Usage = func() {} // run prints the help
	o := &debugOptions{}
	flags.StringVar(&o.event, "event", "", "`file` with the event of invoke() without an argument, as JSON")
	return flags, o
}

// runDebug replaces this process by an interactive R that has loaded the handler as a worker does.
// So R has the terminal, and its signals, for itself. It returns only errors.
func runDebug(_ context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	flags, o := debugFlags()
	if done, err := parseFlags(flags, args, stdout); done {
		return err
	}
	s, invalid := readSettings(flags.Args(), getenv)
	if err := errors.Join(invalid, s.checkHandler(), o.complete()); err != nil {
		return err
	}
	if s.command != nil {
		return fmt.Errorf("bootstrap debug loads a function, and %q is a web server: run it in R itself", s.handler)
	}
	bin, err := worker.FindR(getenv)
	if err != nil {
		return err
	}
	_, local := localFlags() // for its defaults
	env := append(local.functionEnv(s.handler), os.Environ()...)
	env = worker.Environment(env, runtime.NumCPU())
	profile, err := o.profile(s, getenv)
	if err != nil {
		return fmt.Errorf("prepare the R script: %w", err)
	}
	// The last of two entries counts. The profile restores the user's value.
	env = append(env, "R_PROFILE_USER="+profile)
	if err := os.Chdir(s.taskRoot); err != nil {
		return err
	}
	argv := []string{bin, "--no-restore", "--no-save", "--quiet"}
	if !lambdalog.IsTerminal(os.Stdin) {
		argv = append(argv, "--no-echo") // as in a script
	}
	return fmt.Errorf("start %s: %w", bin, unix.Exec(bin, argv, lastOfEach(env)))
}

// complete checks the event and makes its path absolute.
func (o *debugOptions) complete() error {
	if o.event == "" {
		return nil
	}
	text, err := os.ReadFile(o.event)
	if err != nil {
		return fmt.Errorf("--event: %w", err)
	}
	var event any
	if err := json.Unmarshal(text, &event); err != nil {
		at := ""
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			before := string(text[:min(int(syntax.Offset), len(text))])
			at = fmt.Sprintf(" line %d", 1+strings.Count(before, "\n"))
		}
		return fmt.Errorf("--event: %s%s is not valid JSON: %w", o.event, at, err)
	}
	o.event, err = filepath.Abs(o.event)
	return err
}

// profile returns the path of a profile, in memory, that loads the R side of the runtime and begins
// the session. The files stay open in R, which cannot close them.
func (o *debugOptions) profile(s settings, getenv func(string) string) (string, error) {
	files, err := inherited("lambda-r-runtime.R", rscripts.DebugFiles())
	if err != nil {
		return "", err
	}
	users := "NULL"
	if profile, ok := os.LookupEnv("R_PROFILE_USER"); ok {
		users = rString(profile)
	}
	level := "info"
	if s.logLevel < slog.LevelInfo {
		level = "debug"
	}
	config := fmt.Sprintf("base::list(handler = %s, event = %s, recorded = %s, log_level = %s, profile = %s)",
		rString(s.handler), rString(o.event), rString(recordPath(s.taskRoot, getenv)), rString(level), users)
	return inherited("lambda-r-debug.R", rscripts.DebugProfile(files, config))
}

// inherited returns the path of a file in memory that outlives exec.
func inherited(name string, text []byte) (string, error) {
	f, err := memfd.New(name, text)
	if err != nil {
		return "", err
	}
	fd, err := unix.Dup(int(f.Fd())) // a copy is not closed by exec
	if err != nil {
		return "", errors.Join(os.NewSyscallError("dup", err), f.Close())
	}
	return fmt.Sprintf("/proc/self/fd/%d", fd), f.Close()
}

// rString returns text as a string of R's syntax.
func rString(text string) string { return strconv.QuoteToASCII(text) }

// lastOfEach returns the environment without the entries that later ones override: a shell, such as
// R's start script, may use the first.
func lastOfEach(env []string) []string {
	last := map[string]int{}
	for i, entry := range env {
		name, _, _ := strings.Cut(entry, "=")
		last[name] = i
	}
	var kept []string
	for i, entry := range env {
		if name, _, _ := strings.Cut(entry, "="); last[name] == i {
			kept = append(kept, entry)
		}
	}
	return kept
}
