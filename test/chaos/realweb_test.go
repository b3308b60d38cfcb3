package chaos

import (
	"slices"
	"testing"
)

// TestChaosRealWeb injects the faults into a web server, which gets the events as POST /events.
func TestChaosRealWeb(t *testing.T) { runRealWeb(t, "a web server,", "never") }

// TestChaosRealWebForked does so with forked servers.
func TestChaosRealWebForked(t *testing.T) { runRealWeb(t, "a web server, forked,", "always") }

func runRealWeb(t *testing.T, name, fork string) {
	t.Helper()
	forks := fork == "always"
	cells := slices.DeleteFunc(cellsFor(realR, forks, *cellsFlag), func(c cell) bool { return !c.fitsServer(forks) })
	h := &realHarness{t: t, rec: newRecord(name, *seedFlag, cells), bin: buildReal(t), fork: fork, command: []string{"Rscript", "server.R"}}
	runSuite(t, h, h.rec, *realRoundsFlag)
	h.rec.report(t)
}

// fitsServer reports whether a fault can be injected into a web server.
func (c cell) fitsServer(forks bool) bool {
	switch {
	case c.state == draining, c.fault == "setwd", c.fault == "Sys.setenv":
		return false // it has no hooks, and nothing restores its state
	case c.fault == "closes fd 4":
		return false // httpuv dies of closeAllConnections() in a request, alone too
	case c.fault == "SIGSEGV" && c.state == unread:
		return false // another thread may get it: the request is answered, and R dies later
	case c.fault == "spawn failing", c.fault == "freeze mid-backoff":
		return false // the plan makes the program R fail, which is not started
	case c.state == spawning && forks:
		return false // no hook of on_fork() reads the plan
	}
	return true
}

// serverGets are the error types for the caller where a web server differs.
var serverGets = map[string]string{"out of memory": "http_error", "RLIMIT_NOFILE": "http_error"}
