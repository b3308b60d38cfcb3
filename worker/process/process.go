//go:build linux

package process

import (
	"os"
	"sync"
	"sync/atomic"
	"syscall"
)

// Options configure a Process. The zero value discards the output.
type Options struct {
	// Stdout and Stderr, if not nil, are called for each line of output, without its line
	// feed. A line over MaxLine bytes arrives in pieces, and invalid UTF-8 is replaced.
	// Calls never overlap, and the first may come before Start returns. They must not call
	// Flush or Wait.
	Stdout, Stderr func(line string)

	// Record, if not nil, is called with each record that the process sends among its output,
	// between the lines that were written before and after it. The limits of Stdout and Stderr
	// apply, and body is valid during the call only. The format is in merge.go.
	Record func(body []byte)

	// Tag, if not empty, begins the lines that are records instead of output. It has no line
	// feed. The process must keep it secret from the data that it prints, which could forge
	// records with it: use random text.
	Tag string

	// CrashPrefix, if not empty, is the beginning of the first line of a crash report on
	// standard error. Once such a line was written, ExitError.StderrTail holds the first
	// lines of the report instead of the last lines of the stream.
	CrashPrefix string

	// Marker, if not empty, is an environment entry, "NAME=value", that only this process
	// and its descendants have. When the process ends, every process that was executed with
	// it is killed, even in another process group or session. A fork counts as executed
	// with the environment of its parent. So an adopted process needs a marker of its own,
	// which it must set before it executes anything.
	Marker string

	// MemoryLimit is the memory that this program and its children may use together, in
	// bytes, if something enforces a limit; else 0. If no control group can be read, a
	// SIGKILL near this limit counts as an out-of-memory kill.
	MemoryLimit int64
}

// A Process is one child process. All methods may be called from any goroutine, at any time.
type Process struct {
	pid     int
	options Options

	output     *merger
	stderrTail tail
	oomKills   atomic.Int64 // kills in the control group at the last Mark

	mu       sync.Mutex // guards the pid: after reaping, it may belong to another process
	reaped   bool
	killed   string        // the reason of the first Kill
	killPeak int64         // PeakRSS at that Kill
	kills    chan struct{} // closed by that Kill

	done chan struct{} // closed when the process was reaped
	exit *ExitError    // set before done is closed

	goroutines sync.WaitGroup
}

// newProcess returns a Process without a child. It reads the output files, of which either
// may be nil.
func newProcess(stdout, stderr *os.File, o Options) (*Process, error) {
	p := &Process{
		options:    o,
		stderrTail: tail{crashPrefix: o.CrashPrefix},
		kills:      make(chan struct{}),
		done:       make(chan struct{}),
	}
	emitStderr := func(line string) {
		p.stderrTail.add(line)
		if o.Stderr != nil {
			o.Stderr(line)
		}
	}
	output, err := newMerger(stdout, stderr, o, emitStderr)
	if err != nil {
		return nil, err
	}
	p.output = output
	return p, nil
}

// supervise begins to read the output of the child pid and to wait for its death. Wait waits
// for the goroutines.
func (p *Process) supervise(pid int, reap func() *os.ProcessState) {
	p.pid = pid
	p.goroutines.Go(func() { p.awaitDeath(reap) })
	for _, o := range p.output.pumps() {
		p.goroutines.Go(o.run)
	}
}

// PID returns the process id. It is also the id of the process group.
func (p *Process) PID() int { return p.pid }

// Done returns a channel that is closed once the process is dead and reaped.
func (p *Process) Done() <-chan struct{} { return p.done }

// Exit returns how the process ended, or nil if it has not.
func (p *Process) Exit() *ExitError {
	select {
	case <-p.done:
		return p.exit
	default:
		return nil
	}
}

// Killed returns a channel that is closed once Kill was called. From then on the process runs
// no more, but it may be long until it is Done: the kernel frees its memory first, which takes
// 60 to 90 ms per GB.
func (p *Process) Killed() <-chan struct{} { return p.kills }

// Ending returns how the process ended or, once Kill was called, how it is going to end: by
// SIGKILL, which nothing can catch. Otherwise it returns nil. It waits for nothing, but first
// delivers the output that the process has written.
func (p *Process) Ending() *ExitError {
	if e := p.Exit(); e != nil {
		return e
	}
	select {
	case <-p.kills:
	default:
		return nil
	}
	p.Flush()
	p.mu.Lock()
	defer p.mu.Unlock()
	return &ExitError{
		PID:        p.pid,
		Signal:     syscall.SIGKILL,
		Killed:     p.killed,
		StderrTail: p.stderrTail.lines(),
		PeakRSS:    p.killPeak,
	}
}

// Wait waits until the process has ended, its last output was delivered and its strays were
// killed. It returns how the process ended.
func (p *Process) Wait() *ExitError {
	p.goroutines.Wait()
	return p.exit
}

// Signal sends sig to the process, not to its group. After the process was reaped it
// returns os.ErrProcessDone.
func (p *Process) Signal(sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return os.ErrProcessDone
	}
	return os.NewSyscallError("kill", syscall.Kill(p.pid, sig))
}

// SignalGroup sends sig to the process and its whole group. After the process was reaped it
// returns os.ErrProcessDone.
func (p *Process) SignalGroup(sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return os.ErrProcessDone
	}
	return os.NewSyscallError("kill", syscall.Kill(p.group(), sig))
}

// Kill kills the process and its whole group, and returns at once: see Killed. It reports
// whether the process had not been reaped yet. The reason of the first call becomes
// ExitError.Killed.
func (p *Process) Kill(reason string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return false
	}
	select {
	case <-p.kills:
	default:
		p.killed, p.killPeak = reason, p.measure("status", "VmHWM:")
		defer close(p.kills) // after the signal was sent
	}
	_ = syscall.Kill(p.group(), syscall.SIGKILL) // fails only if all of the group are zombies
	return true
}

// group returns the process group in the form that kill(2) expects.
func (p *Process) group() int {
	return -p.pid
}

// Mark begins a new piece of work: ExitError.StderrTail and ExitError.OutOfMemory count only
// what happens from now on.
func (p *Process) Mark() {
	p.stderrTail.reset()
	p.oomKills.Store(int64(oom().kills()))
}

// Flush delivers everything that was written to the outputs before the call, including an
// unfinished line, so that later output can be attributed to something else. It neither
// sleeps nor waits for output to pause.
func (p *Process) Flush() { p.output.flush(p.output.pumps()...) }
