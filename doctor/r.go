package doctor

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"lambda-r-runtime/internal/memfd"
	"lambda-r-runtime/worker"
)

// maxProbe is how long R may take to start and to answer.
const maxProbe = time.Minute

//go:embed probe.R
var probeScript []byte

// rFacts are R's answers to probe.R.
type rFacts struct {
	version     string
	home        string   // R_HOME; "" if R does not start
	libPaths    []string // .libPaths()
	libraryPath string   // LD_LIBRARY_PATH, as set by R's start script
	locale      string
	utf8        bool
	cairo       string // its version, or "" if R cannot use it
	jsonlite    string // its version, or ""
	noJsonlite  string // why it cannot be loaded
	started     string // what R printed on standard error while it started
}

// r starts R as bootstrap starts workers, and checks its version and its jsonlite.
func (e *examination) r(ctx context.Context) rFacts {
	facts, err := probe(ctx, e.Worker)
	if err != nil {
		e.notStarted(ctx, err)
		return rFacts{}
	}
	major, _, _ := strings.Cut(facts.version, ".")
	if n, err := strconv.Atoi(major); err != nil || n < 4 {
		e.fail("R", "%s at %s is too old: install R 4.0 or later", facts.version, e.Worker.Bin)
	} else {
		e.ok("R", "%s at %s", facts.version, e.Worker.Bin)
	}
	if facts.started != "" {
		e.warn("R", "prints when it starts, which each new worker logs:\n%s", facts.started)
	}
	if facts.jsonlite == "" {
		e.fail("jsonlite", "%s: install it (Debian, Ubuntu: apt-get install r-cran-jsonlite; elsewhere: install.packages(\"jsonlite\"))", facts.noJsonlite)
	} else {
		e.ok("jsonlite", "%s", facts.jsonlite)
	}
	if facts.cairo == "" {
		e.warn("plots", "R has no cairo, so that PNG needs the R package ragg and SVG needs svglite: "+
			"install them, or cairo's libraries and an R that uses them, unless your function draws nothing")
	} else {
		e.ok("plots", "drawn by cairo %s", facts.cairo)
	}
	return facts
}

// notStarted reports that R does not start. If it starts without the user's profile, that is why.
func (e *examination) notStarted(ctx context.Context, err error) {
	if path := worker.Profile(e.Worker.Dir, e.Worker.Env); path != "" {
		if _, without := probe(ctx, e.Worker, "--no-init-file"); without == nil {
			e.fail("R", "%s starts, but not with its profile, %s: fix or remove that file: %v", e.Worker.Bin, path, err)
			return
		}
	}
	e.fail("R", "%s does not start: %v", e.Worker.Bin, err)
}

func (e *examination) locale(r rFacts) {
	if !r.utf8 {
		e.warn("locale", "%s is not UTF-8, so R may garble text that is not ASCII: set LANG=C.UTF-8, and unset LC_ALL",
			r.locale)
		return
	}
	e.ok("locale", "%s", r.locale)
}

// probe runs probe.R in R. The script and the answers are files in memory, because an .Rprofile
// may print to standard output. Args are further arguments of R.
func probe(ctx context.Context, c worker.Config, args ...string) (rFacts, error) {
	script, err := memfd.New("probe.R", probeScript)
	if err != nil {
		return rFacts{}, err
	}
	defer script.Close()
	answers, err := memfd.NewWritable("answers")
	if err != nil {
		return rFacts{}, err
	}
	defer answers.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, maxProbe, fmt.Errorf("it took more than %s", maxProbe))
	defer cancel()
	var stderr bytes.Buffer
	args = append(args, "--no-echo", "--no-restore", "--no-save", "--file=/proc/self/fd/3")
	cmd := exec.CommandContext(ctx, c.Bin, args...)
	cmd.Dir = c.Dir
	cmd.Env = append(c.Env[:len(c.Env):len(c.Env)], "TMPDIR="+c.TempDir)
	cmd.Stderr = &stderr
	cmd.ExtraFiles = []*os.File{script, answers}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // an .Rprofile may have left a process that holds stderr
	err = cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	printed := strings.ToValidUTF8(strings.TrimSpace(stderr.String()), "?")
	text, readErr := io.ReadAll(io.NewSectionReader(answers, 0, mb))
	facts := parseFacts(string(text))
	switch {
	case err != nil:
		return rFacts{}, fmt.Errorf("%w\n%s", err, printed)
	case readErr != nil:
		return rFacts{}, readErr
	case facts.home == "":
		return rFacts{}, fmt.Errorf("it exited at once, as if it were not R\n%s", printed)
	}
	facts.started = printed
	return facts, nil
}

// parseFacts reads the lines that probe.R writes.
func parseFacts(text string) rFacts {
	var facts rFacts
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		switch name {
		case "version":
			facts.version = value
		case "home":
			facts.home = value
		case "lib_path":
			facts.libPaths = append(facts.libPaths, value)
		case "ld_library_path":
			facts.libraryPath = value
		case "locale":
			facts.locale = value
		case "utf8":
			facts.utf8 = value == "TRUE"
		case "cairo":
			facts.cairo = value
		case "jsonlite":
			facts.jsonlite = value
		case "no_jsonlite":
			facts.noJsonlite = value
		}
	}
	return facts
}
