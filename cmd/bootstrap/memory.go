package main

import (
	"os"
	"runtime/debug"
)

// slotMemory is the memory that one slot needs for an event and a result of 6 MB, the largest that
// Lambda accepts, in bytes. The limit is soft: records with short keys need up to 36 MB, and then
// the collector runs more often.
const slotMemory = 24 << 20

// limitMemory makes the garbage collector run before bootstrap has more memory than its slots need.
// By default it waits until there is as much garbage as data. A limit in GOMEMLIMIT stays.
func limitMemory(slots int) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(slots) * slotMemory)
	}
}
