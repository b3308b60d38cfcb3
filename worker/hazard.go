package worker

import (
	"context"
	"debug/elf"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/worker/process"
)

// The kinds of findings that only a fork breaks.
const (
	kindThread = "thread"
	kindOpenMP = "openmp"
)

// sharedKinds are the kinds of findings that forked workers would share: two that use one connection
// mix up what they send. Each has its fix.
var sharedKinds = map[string]string{
	"socket":   "open it again in on_fork()",
	"listener": "open it in on_fork()",
	"dbi":      "open it again in on_fork()",
	"pool":     "make it again in on_fork()",
	"cluster":  "make it again in on_fork()",
	"pipe":     "open it again in on_fork()",
	"child":    "start it again in on_fork()",
}

// Hazards returns what R has made while it loaded the handler and forked workers cannot use:
// connections, which they would share, and threads, which they would not have. If there are hooks of
// on_fork(), they open the connections again. Hazards must be called before w has served anything. Ctx
// and the errors are those of Enter.
func (w *Worker) Hazards(ctx context.Context) ([]protocol.Finding, error) {
	entered, err := w.within(ctx, protocol.NewCheck())
	if err != nil {
		return nil, err
	}
	var hazards []protocol.Finding
	if !w.ready.OnFork {
		hazards = shared(append(entered.Findings, w.fragile()...))
	}
	return append(hazards, w.threadHazards()...), nil
}

// shared returns the findings that forked workers would share, with the fix for a fork.
func shared(findings []protocol.Finding) []protocol.Finding {
	var hazards []protocol.Finding
	for _, f := range findings {
		if fix := sharedKinds[f.Kind]; fix != "" {
			hazards = append(hazards, protocol.Finding{Kind: f.Kind, What: f.What, Fix: fix})
		}
	}
	return hazards
}

// A thread that has done its part of OpenMP's work runs on for some milliseconds, in case there is
// more. Meanwhile it cannot be seen which library it belongs to.
const (
	maxSpin  = 100 * time.Millisecond
	spinPoll = 2 * time.Millisecond
)

// threadHazards returns the hazards among R's threads.
func (w *Worker) threadHazards() []protocol.Finding {
	threads, err := w.process.Threads()
	running := func(t process.Thread) bool { return t.Running }
	for end := time.Now().Add(maxSpin); slices.ContainsFunc(threads, running) && time.Now().Before(end); {
		time.Sleep(spinPoll)
		threads, err = w.process.Threads()
	}
	if err != nil || len(threads) == 0 {
		return nil // an error: R has ended, as the next frame shows
	}
	libraries, _ := w.process.Libraries() // an error: likewise
	return hazardsOf(threads, libraries)
}

// A threadKind is a kind of threads, by the name of the library that they run.
type threadKind struct {
	pattern *regexp.Regexp
	what    string // "" if a fork does no harm
	fix     string
}

var threadKinds = []threadKind{
	// cli shows with it when to update a progress bar, and does without in a forked process.
	{regexp.MustCompile(`^cli\.so$`), "", ""},
	// OpenBLAS ends its threads before a fork and starts them again.
	{regexp.MustCompile(`^lib(open)?blas`), "", ""},
	{regexp.MustCompile(`^lib(gomp|omp|omp5|iomp5)\.`), "a pool of OpenMP threads", "use no more than one thread while the handler is loaded"},
	{regexp.MustCompile(`^libj(vm|ava)\.`), "a Java virtual machine (package rJava)", "start it in on_fork()"},
	{regexp.MustCompile(`^(_pywrap_)?(lib)?tensorflow`), "threads of TensorFlow", "load it in on_fork()"},
	{regexp.MustCompile(`^(libpython|reticulate\.so$)`), "threads of Python (package reticulate)", "start them in on_fork()"},
	{regexp.MustCompile(`^(lib)?arrow\.`), "threads of arrow", "use it only from on_fork() on"},
	{regexp.MustCompile(`^(liblantern|libtorch|libc10)`), "threads of torch", "use it only from on_fork() on"},
	{regexp.MustCompile(`^(libtbb|RcppParallel\.so$)`), "threads of RcppParallel", "use it only from on_fork() on"},
}

// hazardsOf returns the hazards among threads of a process that has loaded these libraries.
func hazardsOf(threads []process.Thread, libraries []string) []protocol.Finding {
	var hazards []protocol.Finding
	unknown, ofCLI := 0, false
	for _, t := range threads {
		if t.Library == "" {
			unknown++
			continue
		}
		ofCLI = ofCLI || isCLI(t.Library)
		f := threadHazard(t.Library, libraries)
		if f.What != "" && !slices.Contains(hazards, f) {
			hazards = append(hazards, f)
		}
	}
	if unknown == 1 && !ofCLI && slices.ContainsFunc(libraries, isCLI) {
		unknown = 0 // the kernel hides what threads run
	}
	if unknown > 0 {
		hazards = append(hazards, protocol.Finding{
			Kind: kindThread,
			What: fmt.Sprintf("threads that may belong to any package (%d)", unknown),
			Fix:  "start them in on_fork()",
		})
	}
	return hazards
}

func isCLI(path string) bool { return filepath.Base(path) == "cli.so" }

// threadHazard returns the hazard that a thread in a library is. What is empty if it is none.
func threadHazard(library string, libraries []string) protocol.Finding {
	name := filepath.Base(library)
	for _, kind := range threadKinds {
		if !kind.pattern.MatchString(name) {
			continue
		}
		f := protocol.Finding{Kind: kindThread, What: kind.what, Fix: kind.fix}
		if strings.Contains(kind.what, "OpenMP") {
			f.Kind = kindOpenMP
			if users := usersOf(name, libraries); len(users) > 0 {
				f.What += ", of package " + strings.Join(users, " or ")
			}
		}
		return f
	}
	what := "a thread of " + library
	if of := packageOf(library); of != "" {
		what = "a thread of package " + of
	}
	return protocol.Finding{Kind: kindThread, What: what, Fix: "start it in on_fork()"}
}

// packageOf returns the R package that a library belongs to, or "".
func packageOf(library string) string {
	dir := filepath.Dir(library)
	if filepath.Base(dir) != "libs" {
		return ""
	}
	return filepath.Base(filepath.Dir(dir))
}

// quiet are packages of R itself that are linked to OpenMP and use it rarely.
var quiet = []string{"stats", "methods", "utils"}

// usersOf returns the R packages whose libraries need the library name.
func usersOf(name string, libraries []string) []string {
	stem, _, _ := strings.Cut(name, ".")
	var users []string
	for _, path := range libraries {
		if of := packageOf(path); of != "" && !slices.Contains(quiet, of) && needs(path, stem) {
			users = append(users, of)
		}
	}
	return users
}

// needs reports whether the library at path is linked to one whose name begins with stem.
func needs(path, stem string) bool {
	f, err := elf.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()                    // it was only read
	needed, _ := f.ImportedLibraries() // nil on an error
	return slices.ContainsFunc(needed, func(name string) bool { return strings.HasPrefix(name, stem+".") })
}
