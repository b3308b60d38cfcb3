package main

import (
	"math"
	"runtime/debug"
	"testing"
)

func TestLimitMemory(t *testing.T) {
	before := debug.SetMemoryLimit(math.MaxInt64)
	defer debug.SetMemoryLimit(before)
	t.Setenv("GOMEMLIMIT", "")
	limitMemory(2)
	if limit := debug.SetMemoryLimit(-1); limit != 48<<20 {
		t.Errorf("limit %d, want 48 MiB", limit)
	}
	t.Setenv("GOMEMLIMIT", "off")
	limitMemory(3)
	if limit := debug.SetMemoryLimit(-1); limit != 48<<20 {
		t.Errorf("limit %d, want that of before", limit)
	}
}
