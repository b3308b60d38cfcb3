//go:build linux

package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// RSS returns the resident memory of the process in bytes; 0 if it is dead.
func (p *Process) RSS() int64 { return p.memory("status", "VmRSS:") }

// PSS returns the resident memory of the process in bytes, where of memory that n processes share
// one part in n counts; 0 if it is dead. The kernel takes a millisecond per 100 MB to count it. A
// kernel that does not count it (before Linux 4.14) or a sandbox without the file has RSS instead.
func (p *Process) PSS() int64 {
	if pss := p.memory("smaps_rollup", "Pss:"); pss > 0 {
		return pss
	}
	return p.RSS()
}

// PeakRSS returns the most resident memory that the process has had so far, in bytes. If Kill
// was called and the process was not reaped yet, that is the memory before Kill. If it is dying
// by itself, PeakRSS waits until it was reaped.
func (p *Process) PeakRSS() int64 {
	if e := p.Exit(); e != nil {
		return e.PeakRSS
	}
	p.mu.Lock()
	peak := max(p.killPeak, p.measure("status", "VmHWM:"))
	p.mu.Unlock()
	if peak > 0 {
		return peak
	}
	<-p.done // a zombie has no memory to measure; its resource usage is known after reaping
	return p.exit.PeakRSS
}

// procFolder is replaced in tests.
var procFolder = "/proc"

// memory returns a field of a file of /proc/pid in bytes; 0 if the field or the process is missing.
func (p *Process) memory(file, field string) int64 {
	p.mu.Lock() // until it is reaped, the pid is its own
	defer p.mu.Unlock()
	return p.measure(file, field)
}

// measure is memory for a caller that holds mu.
func (p *Process) measure(file, field string) int64 {
	if p.reaped {
		return 0
	}
	status, err := os.ReadFile(fmt.Sprintf("%s/%d/%s", procFolder, p.pid, file))
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte(field)); ok {
			kib, _ := strconv.ParseInt(string(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte(" kB"))), 10, 64)
			return kib << 10
		}
	}
	return 0
}
