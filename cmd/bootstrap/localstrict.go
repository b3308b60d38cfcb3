package main

import (
	"log/slog"
	"path/filepath"

	"lambda-r-runtime/worker/process"
)

// enforceLimits lets Lambda's limits apply to the function, as far as this machine allows it:
// only /tmp can be written to, and memory is limited. It logs what applies and what does not.
// The caller must call leave when every R has ended.
func enforceLimits(s settings, o *localOptions, tempDir string, log *slog.Logger) (leave func()) {
	leave = func() {}
	leaveGroup, err := process.LimitMemory(int64(o.memory) << 20)
	if err != nil {
		log.Warn("--strict cannot limit memory on this machine", "error", err,
			"fix", "run bootstrap as root, or with: systemd-run --user --scope -p MemoryMax=… bootstrap local …")
	} else {
		log.Info("memory is limited, by a control group", "memory_mb", o.memory)
		leave = func() {
			if err := leaveGroup(); err != nil {
				log.Warn("memory control group not removed", "error", err)
			}
		}
	}
	if err := readOnly(s.taskRoot, tempDir); err != nil {
		log.Warn("--strict cannot make folders read-only on this machine", "error", err,
			"fix", "run bootstrap as root, in a container with the capability SYS_ADMIN")
	} else {
		log.Info("only /tmp is writable, in a mount namespace")
	}
	return leave
}

// readOnly makes every folder but /tmp and the folder of the workers' temporary directories
// read-only for R. The task folder is read-only even if it is in one of those.
func readOnly(taskRoot, tempDir string) error {
	root, err := filepath.Abs(taskRoot)
	if err != nil {
		return err
	}
	if root, err = filepath.EvalSymlinks(root); err != nil {
		return err
	}
	writable := []string{"/tmp"}
	if tempDir != "/tmp" {
		writable = append(writable, tempDir)
	}
	return process.ReadOnly(writable, []string{root})
}
