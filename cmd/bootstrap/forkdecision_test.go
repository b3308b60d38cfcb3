package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"lambda-r-runtime/protocol"
)

func TestForkDecision(t *testing.T) {
	const mb = 1 << 20
	worthy := forkCase{mode: forkAuto, slots: 1, init: 2 * time.Second, rss: 200 * mb, memory: 1024 * mb}
	with := func(change func(*forkCase)) forkCase {
		c := worthy
		change(&c)
		return c
	}
	connection := protocol.Finding{Kind: "dbi", What: "con, a connection of class PqConnection", Fix: "open it again in on_fork()"}
	pool := protocol.Finding{Kind: "openmp", What: "a pool of OpenMP threads, of package ranger", Fix: "use no more than one thread while the handler is loaded"}
	for name, test := range map[string]struct {
		forkCase
		hazards []protocol.Finding
		failure error
		fork    bool
		reason  string // a part of it
		warned  int    // hazards that the user should know of
	}{
		"never":                     {forkCase: with(func(c *forkCase) { c.mode = forkNever }), reason: "LAMBDA_R_FORK is never"},
		"a long init":               {forkCase: worthy, fork: true, reason: "worth its memory"},
		"a short init":              {forkCase: with(func(c *forkCase) { c.init = 150 * time.Millisecond }), reason: "the init takes 150 ms"},
		"the shortest init":         {forkCase: with(func(c *forkCase) { c.init = worthForking }), fork: true},
		"a short init of two slots": {forkCase: with(func(c *forkCase) { c.init, c.slots = time.Millisecond, 2 }), fork: true},
		"a worker per invocation":   {forkCase: with(func(c *forkCase) { c.init, c.isolated = time.Millisecond, true }), fork: true},
		"memory for both":           {forkCase: with(func(c *forkCase) { c.memory = 600 * mb }), fork: true},
		"too little memory": {forkCase: with(func(c *forkCase) { c.memory = 599 * mb }),
			reason: "3 times the memory of R, for workers, the R to fork from and what handlers compute, is 600 MB of 599 MB"},
		"memory for five of six": {forkCase: with(func(c *forkCase) { c.slots, c.memory = 4, 1199*mb }), reason: "6 times the memory of R"},
		"no limit of memory":     {forkCase: with(func(c *forkCase) { c.slots, c.memory = 100, 0 }), fork: true},
		"a connection": {forkCase: worthy, hazards: []protocol.Finding{connection},
			reason: "has made con, a connection of class PqConnection; to fork, open it again in on_fork()"},
		"a pool of threads": {forkCase: worthy, hazards: []protocol.Finding{pool, connection}, reason: "package ranger"},
		"a failed search":   {forkCase: worthy, failure: &protocol.HandlerError{Message: "no"}, reason: "the search for what forked workers would share failed"},
		"always": {forkCase: with(func(c *forkCase) { c.mode, c.init, c.memory = forkAlways, 0, mb }),
			hazards: []protocol.Finding{connection, pool}, fork: true, reason: "LAMBDA_R_FORK is always", warned: 2},
		"always, and a failed search": {forkCase: with(func(c *forkCase) { c.mode = forkAlways }),
			failure: &protocol.HandlerError{Message: "no"}, fork: true, reason: "failed"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := test.decide(func() ([]protocol.Finding, error) { return test.hazards, test.failure })
			if err != nil || d.fork != test.fork || !strings.Contains(d.reason, test.reason) || len(d.hazards) != test.warned {
				t.Errorf("got %+v, %v; want fork %v, %d hazards", d, err, test.fork, test.warned)
			}
		})
	}
	errDead := errors.New("dead")
	if _, err := worthy.decide(func() ([]protocol.Finding, error) { return nil, errDead }); !errors.Is(err, errDead) {
		t.Errorf("a dead R: %v", err)
	}
}

// Nothing is asked of R that cannot make a difference.
func TestForkDecisionAsksForLittle(t *testing.T) {
	for _, c := range []forkCase{{mode: forkNever}, {mode: forkAuto, slots: 1}, {mode: forkAuto, slots: 2, rss: 2, memory: 1}} {
		if d, err := c.decide(func() ([]protocol.Finding, error) { return nil, errors.New("asked") }); err != nil || d.fork {
			t.Errorf("%+v: %+v, %v", c, d, err)
		}
	}
}
