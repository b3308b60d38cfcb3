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

// maxProbe is how long an R may take to start and to answer the questions.
const maxProbe = time.Minute

//go:embed probe.R
var probeScript []byte

// rFacts is what R says of itself.
type rFacts struct {
	version     string
	home        string   // R_HOME; "": R does not start
	libPaths    []string // where packages are, the first first
	libraryPath string   // LD_LIBRARY_PATH, as R's start script has set it
	locale      string
	utf8        bool
	jsonlite    string // its version, or ""
	noJsonlite  string // why it cannot be loaded
	started     string // what R printed on standard error while it started
}

// r starts an R as a worker is started, and looks at what it is.
func (e *examination) r(ctx context.Context) rFacts {
	facts, err := probe(ctx, e.Worker)
	if err != nil {
		e.fail("R", "%s does not start: %v", e.Worker.Bin, err)
		return rFacts{}
	}
	major, _, _ := strings.Cut(facts.version, ".")
	if n, err := strconv.Atoi(major); err != nil || n < 4 {
		e.fail("R", "%s at %s is too old: install R 4.0 or later", facts.version, e.Worker.Bin)
	} else {
		e.ok("R", "%s at %s", facts.version, e.Worker.Bin)
	}
	if facts.started != "" {
		e.warn("R", "says when it starts, and for each worker into the log:\n%s", facts.started)
	}
	if facts.jsonlite == "" {
		e.fail("jsonlite", "%s: install it (Debian, Ubuntu: apt-get install r-cran-jsonlite)", facts.noJsonlite)
	} else {
		e.ok("jsonlite", "%s", facts.jsonlite)
	}
	return facts
}

func (e *examination) locale(r rFacts) {
	if !r.utf8 {
		e.warn("locale", "R's is %s, which is not UTF-8, so text that is not ASCII suffers: set LANG=C.UTF-8, and no LC_ALL", r.locale)
		return
	}
	e.ok("locale", "%s", r.locale)
}

// probe asks R. Its script and its answers are files in memory: standard output is for
// what an .Rprofile prints.
func probe(ctx context.Context, c worker.Config) (rFacts, error) {
	script, err := memfd.New("probe.R", probeScript)
	if err != nil {
		return rFacts{}, err
	}
	defer script.Close()
	answers, err := memfd.New("answers", nil)
	if err != nil {
		return rFacts{}, err
	}
	defer answers.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, maxProbe, fmt.Errorf("it takes more than %s", maxProbe))
	defer cancel()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, c.Bin, "--no-echo", "--no-restore", "--no-save", "--file=/proc/self/fd/3")
	cmd.Dir = c.Dir
	cmd.Env = append(c.Env[:len(c.Env):len(c.Env)], "TMPDIR="+c.TempDir)
	cmd.Stderr = &stderr
	cmd.ExtraFiles = []*os.File{script, answers}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // for what an .Rprofile has started
	err = cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	said := strings.ToValidUTF8(strings.TrimSpace(stderr.String()), "?")
	text, readErr := io.ReadAll(io.NewSectionReader(answers, 0, mb))
	facts := parseFacts(string(text))
	switch {
	case err != nil:
		return rFacts{}, fmt.Errorf("%w\n%s", err, said)
	case readErr != nil:
		return rFacts{}, readErr
	case facts.home == "":
		return rFacts{}, fmt.Errorf("it ends at once, as if it were no R\n%s", said)
	}
	facts.started = said
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
		case "jsonlite":
			facts.jsonlite = value
		case "no_jsonlite":
			facts.noJsonlite = value
		}
	}
	return facts
}
