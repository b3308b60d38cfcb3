package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the linker (Makefile).
var version = "dev"

// versionText says what this binary is and was made of.
func versionText() string {
	commit := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				commit = ", commit " + s.Value
			}
		}
	}
	return fmt.Sprintf("lambda-r-runtime %s (%s%s)", version, runtime.Version(), commit)
}
