package main

import (
	"encoding/json"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
)

// The soak builds bootstrap with this file added. At SIGUSR1 it writes facts that only the
// process itself knows to the file that SOAK_PROBE names. SOAK_PLANT makes it leak.
func init() {
	path := os.Getenv("SOAK_PROBE")
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	go func() { // runs until the process ends
		for range asked {
			debug.FreeOSMemory()
			var memory runtime.MemStats
			runtime.ReadMemStats(&memory)
			facts, _ := json.Marshal(map[string]uint64{"Heap": memory.HeapAlloc, "Goroutines": uint64(runtime.NumGoroutine())}) // cannot fail
			if os.WriteFile(path+".new", facts, 0o600) == nil {
				_ = os.Rename(path+".new", path) // the soak waits for it
			}
		}
	}()
	if os.Getenv("SOAK_PLANT") != "" {
		go leak()
	}
}

var leaked []any

// leak leaks a little of everything every few milliseconds.
func leak() {
	for range time.Tick(5 * time.Millisecond) {
		go func() { select {} }()
		f, _ := os.Open(os.DevNull)
		leaked = append(leaked, f, strings.Repeat("x", 50<<10))
		_ = os.WriteFile(filepath.Join(os.TempDir(), "leak"+time.Now().Format(time.RFC3339Nano)), nil, 0o600)
	}
}
