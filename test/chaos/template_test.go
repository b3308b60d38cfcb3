package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/test/kit/faker"
	"lambda-r-runtime/test/kit/proc"
	"lambda-r-runtime/worker"
)

// envTemplate is the pid of the template, in the environment of the fakes that it forked.
const envTemplate = "CHAOS_TEMPLATE"

// template forks workers until it is killed. A fork frame may have a plan for itself.
func (f *fake) template() {
	faker.Check(os.Setenv(actAs, asWorker))
	faker.Check(os.Setenv(envTemplate, strconv.Itoa(os.Getpid())))
	f.BecomeTemplate()
	for {
		frame := f.NextFork()
		var plan instruction
		if text := frame.Env[envPlan]; text != "" {
			faker.Check(json.Unmarshal([]byte(text), &plan))
		}
		act := forkFaults[plan.Fault]
		if act == nil {
			f.Fork(frame, faker.Middle)
			f.Send(protocol.Reply{Type: protocol.TypeForked})
			continue
		}
		delete(frame.Env, envPlan)
		f.fire(plan)
		act(f, frame, plan)
	}
}

// forkFaults maps a fault to what a template does instead of forking a worker.
var forkFaults = map[string]func(f *fake, frame protocol.Fork, plan instruction){
	"template SIGKILL": func(f *fake, frame protocol.Fork, plan instruction) {
		if plan.Nonce[len(plan.Nonce)-1]%2 == 0 {
			f.Fork(frame, faker.Middle)
		}
		raise(syscall.SIGKILL)
	},
	"template SIGSEGV": func(f *fake, frame protocol.Fork, _ instruction) {
		f.Fork(frame, faker.Middle)
		f.Exec("ulimit -c 0; kill -SEGV $$")
	},
	"template SIGSTOP": func(*fake, protocol.Fork, instruction) { raise(syscall.SIGSTOP) },
	"template garbage": func(f *fake, _ protocol.Fork, _ instruction) { f.Raw(garbage) },
	"fork refused": func(f *fake, _ protocol.Fork, _ instruction) {
		f.Send(protocol.Reply{Type: protocol.TypeError, Error: &protocol.HandlerError{Type: "Runtime.ForkFailed", Message: "EAGAIN"}})
	},
	"middle process SIGKILL": func(f *fake, frame protocol.Fork, _ instruction) {
		f.Fork(frame, "kill -9 $$")
		f.Send(protocol.Reply{Type: protocol.TypeForked})
	},
}

// toTemplate returns a fault of a worker that sends a signal to its template.
func toTemplate(s syscall.Signal) func(*fake, instruction, *reply) {
	return func(*fake, instruction, *reply) {
		pid, err := strconv.Atoi(os.Getenv(envTemplate))
		if err != nil {
			return // this worker was spawned because there was no template: the round is skipped
		}
		_ = syscall.Kill(pid, s) // it may have died
	}
}

// A mold is the template of an arena. The arena's lock guards it.
type mold struct {
	template *worker.Template // nil if there is none now
	pid      int
	dir      string // its TMPDIR
	asked    int    // forks that were requested, and may be over
	limit    time.Duration
}

// keepTemplate makes a template, and another one when it has died, until ctx ends.
func (a *arena) keepTemplate(ctx context.Context) {
	c := a.worker
	c.Env = append(slices.Clone(c.Env), actAs+"="+asTemplate)
	for {
		w, err := worker.Spawn(ctx, c)
		if err != nil {
			if ctx.Err() == nil {
				a.Update(func() { a.violate(inv6, "there is no other template: %v", err) })
			}
			return
		}
		t, err := worker.NewTemplate(ctx, w, false)
		if err != nil {
			if ctx.Err() == nil {
				a.Update(func() { a.violate(inv6, "process %d is not a template: %v", w.PID(), err) })
			}
			w.Kill("it is not a template")
			w.Shutdown(ctx)
			return
		}
		a.Update(func() { a.mold.template, a.mold.pid, a.mold.dir = t, t.PID(), w.TempDir() })
		select {
		case <-t.Done():
		case <-ctx.Done():
		}
		a.Update(func() { a.mold.template, a.mold.pid = nil, 0 })
		t.Shutdown()
		if ctx.Err() != nil {
			return
		}
	}
}

// bear makes a worker: it forks one from the template if there is one, and else spawns it, as
// cmd/bootstrap does. Origin is the TMPDIR of the template.
func (a *arena) bear(ctx context.Context, c worker.Config) (w *worker.Worker, origin string, err error) {
	var m mold
	a.Update(func() {
		if m = a.mold; m.template != nil {
			a.mold.asked++
		}
	})
	if m.template == nil || c.Bin != a.worker.Bin {
		w, err = worker.Spawn(ctx, c)
		return w, "", err
	}
	limited, cancel := context.WithTimeoutCause(ctx, m.limit, errors.New("the fork took too long"))
	defer cancel()
	w, err = m.template.Fork(limited, c)
	if err == nil || ctx.Err() != nil {
		return w, m.dir, err
	}
	c.OwnEnv = nil // the plan was carried out
	w, err = worker.Spawn(ctx, c)
	return w, "", err
}

// forkAll kills the workers that were spawned, or forked from a template that has died, until all are
// forked from the present one.
func (a *arena) forkAll(nonce string) {
	others := func() (workers []*watched) {
		for _, s := range a.slots {
			if s.worker != nil && s.worker.origin != a.mold.dir {
				workers = append(workers, s.worker)
			}
		}
		return workers
	}
	for n := range 5 {
		var workers []*watched
		a.Update(func() {
			workers = others()
			for _, w := range workers {
				w.shot = true
			}
		})
		if len(workers) == 0 {
			return
		}
		for _, w := range workers {
			_ = syscall.Kill(w.PID(), syscall.SIGKILL) // it is idle
		}
		a.Wait(patience, func() bool { return !slices.ContainsFunc(workers, func(w *watched) bool { return !w.died }) })
		a.atRest()
		a.echoes(fmt.Sprintf("forked%d-%s", n, nonce), "") // an answer ends the row of failures
		a.atRest()
	}
}

// afterFork lets workers die until one was forked again.
func (a *arena) afterFork(in instruction) {
	for n := 0; n < 5; n++ {
		if !a.Wait(patience, func() bool { return a.mold.template != nil || !a.running() }) {
			break
		}
		var before int
		a.Update(func() { before = a.forked })
		a.among(instruction{Nonce: fmt.Sprintf("fork%d-%s", n, in.Nonce), Fault: "SIGKILL", State: handler})
		a.atRest()
		if a.Wait(0, func() bool { return a.forked > before }) {
			return
		}
	}
	a.Update(func() { a.violate(inv11, "no worker is forked after %s/%s", in.Fault, in.State) })
}

// inherited are the pipes with which the tests were started. Their children may have them.
var inherited []string

// sharedPipes returns what breaks invariant 10 among R processes: pipes that two of them have.
func sharedPipes(pids ...int) (broken []violation) {
	owners := map[string]int{}
	for _, pid := range pids {
		for _, pipe := range proc.Pipes(pid) {
			if owner, shared := owners[pipe]; shared && !slices.Contains(inherited, pipe) {
				broken = append(broken, violation{inv10, fmt.Sprintf("processes %d and %d share %s", owner, pid, pipe)})
			}
			owners[pipe] = pid
		}
	}
	return broken
}

// stopAndKill stops the template, and kills it when a fork was requested.
func (a *arena) stopAndKill(in instruction) {
	a.armed(in, false)
	var m mold
	a.Update(func() { m = a.mold })
	var killing sync.WaitGroup
	killing.Go(func() { // ends when a fork was requested
		a.Wait(patience, func() bool { return a.mold.asked > m.asked })
		proc.KillAll([]int{m.pid})
	})
	a.among(instruction{Nonce: "trigger-" + in.Nonce, Fault: "SIGKILL", State: handler})
	killing.Wait()
}
