package worker

import (
	"bytes"
	"fmt"
	"os"
	"strconv"

	"lambda-r-runtime/protocol"
)

// Stats returns what the worker's process uses, and what R reported when it became ready.
func (w *Worker) Stats() protocol.WorkerStats {
	return protocol.WorkerStats{PID: w.PID(), RSS: w.RSS(), PeakRSS: w.PeakRSS(), Ready: w.ready}
}

// RSS returns the resident memory of the R process, in bytes; 0 when it is dead.
func (w *Worker) RSS() int64 { return w.memory("VmRSS:") }

// PeakRSS returns the most resident memory that the R process has had, in bytes.
func (w *Worker) PeakRSS() int64 {
	if w.Err() == nil {
		if peak := w.memory("VmHWM:"); peak > 0 {
			return peak
		}
		// A zombie has no memory left to measure. Reaping it tells.
		<-w.done
	}
	return w.exit.PeakRSS
}

// memory reads a field of /proc/pid/status and returns it in bytes; 0 where there is
// none.
func (w *Worker) memory(field string) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.PID()))
	if err != nil {
		return 0 // reaped
	}
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte(field)); ok {
			kib, _ := strconv.ParseInt(string(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte(" kB"))), 10, 64)
			return kib << 10
		}
	}
	return 0
}
