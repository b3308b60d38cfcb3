//go:build linux

package checkpoint

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"lambda-r-runtime/worker/process"
)

// run runs cmd until it ends, or kills it when ctx ends. It returns the lines that cmd printed.
func run(ctx context.Context, cmd *exec.Cmd) (output []string, err error) {
	add := func(line string) { output = append(output, line) }
	p, err := process.Start(cmd, process.Options{Stdout: add, Stderr: add})
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { p.Kill(context.Cause(ctx).Error()) })
	exit := p.Wait()
	stop()
	if exit.Code != 0 || exit.Signal != 0 {
		return output, fmt.Errorf("it %s", exit.Reason())
	}
	return output, nil
}

// An Error reports a dump or a restore that failed.
type Error struct {
	Step    string   // "dump" or "restore"
	Err     error    // how CRIU ended
	Errors  []string // the last errors in CRIU's log
	LogFile string
}

func (e *Error) Error() string {
	text := fmt.Sprintf("CRIU's %s failed: %v%s", e.Step, e.Err, joined(e.Errors))
	if fix := fixOf(e.Errors); fix != "" {
		text += "; " + fix
	}
	return text + "; the whole log is in " + e.LogFile
}

func (e *Error) Unwrap() error { return e.Err }

// newError returns the Error of a step whose log is in file.
func newError(step string, err error, file string) *Error {
	file, _ = filepath.Abs(file) // if there is no current folder, the path stays as it is
	return &Error{Step: step, Err: err, Errors: readErrors(file), LogFile: file}
}

// fixes are the parts of CRIU's errors that a function causes, and their fixes.
var fixes = []struct{ part, fix string }{
	{"has bad size", "a file that was open at the snapshot has changed since: close it in on_snapshot(), open it in on_restore()"},
	{"bind inet socket", "a port that the function listened on at the snapshot is in use: close it in on_snapshot(), open it in on_restore()"},
	{"External socket is used", "the function is connected to another process: close the connection in on_snapshot(), open it in on_restore()"},
}

// fixOf returns what to do about CRIU's errors, or "" if that is not known.
func fixOf(errors []string) string {
	for _, line := range errors {
		for _, f := range fixes {
			if strings.Contains(line, f.part) {
				return f.fix
			}
		}
	}
	return ""
}

// maxErrors is the number of CRIU's errors that an error shows. The first of them is the cause,
// the others are what failed because of it.
const maxErrors = 6

// readErrors returns the last errors in a log of CRIU.
func readErrors(file string) []string {
	log, err := os.Open(file)
	if err != nil {
		return nil // CRIU ended before it wrote a log
	}
	defer log.Close()
	var lines []string
	for scan := bufio.NewScanner(log); scan.Scan(); {
		lines = append(lines, scan.Text())
	}
	return errorsOf(lines)
}

// errorsOf returns the last of the lines that are errors. CRIU writes them as
// "(00.012345)   1234: Error (criu/files-reg.c:2143): File var/x has bad size 6 (expect 4)".
func errorsOf(lines []string) (errors []string) {
	for _, line := range lines {
		if _, text, ok := strings.Cut(line, "Error ("); ok {
			if _, after, ok := strings.Cut(text, "): "); ok {
				text = after
			}
			errors = append(errors, text)
		}
	}
	return errors[max(0, len(errors)-maxErrors):]
}

// lastErrors returns the errors among the lines that CRIU printed, or all lines if it has marked
// none as errors.
func lastErrors(output []string) string {
	if errors := errorsOf(output); len(errors) > 0 {
		return joined(errors)
	}
	return joined(output)
}

func joined(errors []string) string {
	if len(errors) == 0 {
		return ""
	}
	return ": " + strings.Join(errors, "; ")
}
