package main

import (
	"math"
	"runtime/debug"
)

// slotMemory is the memory that one slot needs at most for an event and a result of 6 MB, the
// largest that Lambda accepts, in bytes.
const slotMemory = 24 << 20

// limitMemory makes the garbage collector run before bootstrap has more memory than its slots need.
// By default it waits until there is as much garbage as data. A limit in GOMEMLIMIT stays.
func limitMemory(slots int) {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(int64(slots) * slotMemory)
	}
}
