package main

import (
	"errors"
	"fmt"

	"lambda-r-runtime/supervisor"
	"lambda-r-runtime/worker"
)

// A forkTrial is the policy that notices forked workers that hang where spawned ones do not, as
// libraries with threads can. If a forked worker hangs in its first invocation, the next worker is
// spawned for a trial. If that one answers its first invocation, the fork may be to blame, or the
// event. So forking should end after several such trials in a row, without a forked worker that has
// answered its first invocation. It has no clock and no lock; the caller reports what happened.
type forkTrial struct {
	state  trialState
	pid    int          // of the worker on trial
	fresh  map[int]bool // forked workers, by pid, that have not answered yet
	blames int          // trials in a row that blame the fork
}

// maxBlames is how many trials in a row must blame the fork. One event that always hangs, and is
// retried twice, causes fewer.
const maxBlames = 3

type trialState int

const (
	trialNone    trialState = iota
	trialWanted             // the next worker is spawned
	trialRunning            // it was, and has not answered yet
	trialFutile             // it did not answer either; no other trial until a forked worker has
	trialFailed             // forked workers hang where spawned ones do not
)

// next reports whether the next worker must be spawned, as a trial.
func (t *forkTrial) next() bool { return t.state == trialWanted }

// ready notes a new worker.
func (t *forkTrial) ready(pid int, forked bool) {
	switch {
	case forked:
		if t.fresh == nil {
			t.fresh = map[int]bool{}
		}
		t.fresh[pid] = true
	case t.state == trialWanted:
		t.state, t.pid = trialRunning, pid
	}
}

// answered notes that a worker answered an invocation.
func (t *forkTrial) answered(pid int) {
	switch {
	case t.fresh[pid]:
		delete(t.fresh, pid)
		t.blames = 0
		if t.state == trialFutile {
			t.state = trialNone
		}
	case t.state == trialRunning && pid == t.pid:
		t.state = trialNone
		if t.blames++; t.blames >= maxBlames {
			t.state = trialFailed
		}
	}
}

// lost notes that a worker has ended. Hung reports that it did not react to the interrupt at its
// invocation's deadline, and was killed.
func (t *forkTrial) lost(pid int, hung bool) {
	switch {
	case t.state == trialRunning && pid == t.pid:
		t.state = trialFutile
	case t.state == trialNone && t.fresh[pid] && hung:
		t.state = trialWanted
	}
	delete(t.fresh, pid)
}

// failed reports whether forking should end.
func (t *forkTrial) failed() bool { return t.state == trialFailed }

var errForkMemory = errors.New("memory ran out, and the R that workers are forked from uses some of it")

var errForksHang = fmt.Errorf("%d forked workers in a row hung in their first invocations until the deadline, and the workers spawned after them did not", maxBlames)

// invoked notes the end of an invocation of a worker. It ends forking if the trial has failed, and if
// memory has run out, unless the user has asked to fork always. Err is why the worker did not answer.
func (f *forks) invoked(pid int, err error) {
	f.mu.Lock()
	exit, died := errors.AsType[*worker.ExitError](err)
	var over error
	switch {
	case err == nil:
		f.trial.answered(pid)
	case died && exit.Killed == supervisor.KilledAtDeadline:
		f.trial.lost(pid, true)
	case died && exit.OutOfMemory && f.template != nil && f.pool.settings.fork == forkAuto:
		over = errForkMemory
	}
	if f.trial.failed() && f.state != forkOver {
		over = errForksHang
	}
	f.mu.Unlock()
	if over != nil {
		f.end(f.log, over)
	}
}

// left notes that a worker has left its slot.
func (f *forks) left(pid int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.trial.lost(pid, false)
}
