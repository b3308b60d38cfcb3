package worker

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// PeakRSS returns the most resident memory that the R process has had, in bytes;
// 0 when it cannot be told.
func (w *Worker) PeakRSS() int64 {
	if w.Err() != nil {
		return w.peak.Load()
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.PID()))
	if err != nil {
		status = nil // it was reaped just now
	}
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte("VmHWM:")); ok {
			kib, _ := strconv.ParseInt(string(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte(" kB"))), 10, 64)
			return kib << 10
		}
	}
	// A zombie has no memory left to measure; reaping it tells.
	<-w.done
	return w.peak.Load()
}
