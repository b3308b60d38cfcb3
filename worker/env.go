package worker

import (
	"os"
	"strconv"
	"strings"
)

// cells is how many cells R's heap has before R collects garbage for the first time. A plain R needs
// 290,000, and a small invocation 3,000 more, so that R's default of 350,000 means a collection of
// 2 ms in every twentieth invocation. With this value it is fewer than one in a hundred, for 6 MB.
const cells = "700000"

// Environment returns the environment of an R process: base, in the form of os.Environ, without
// what is bootstrap's own, and with defaults for what Lambda may not set: home, time zone, locale
// and the size of R's heap. Threads is the number of threads that a linear algebra library may use.
func Environment(base []string, threads int) []string {
	env := make([]string, 0, len(base)+8)
	set := map[string]string{}
	for _, entry := range base {
		name, value, _ := strings.Cut(entry, "=")
		switch name {
		case "AWS_LAMBDA_RUNTIME_API":
			// A handler that called /next would take events away from bootstrap.
			continue
		case "_LAMBDA_TELEMETRY_LOG_FD":
			// Only bootstrap has this descriptor.
			continue
		case "R_HOME":
			// R's start script sets it, and warns about any other.
			continue
		case "HOME":
			// The home of Lambda's user does not exist.
			if info, err := os.Stat(value); err != nil || !info.IsDir() {
				continue
			}
		case "TZ":
			// Managed Instances set ":UTC", which R warns about because it expects a file.
			if zone, ok := strings.CutPrefix(value, ":"); ok {
				value = zone
			}
			entry = name + "=" + value
		}
		set[name] = value
		env = append(env, entry)
	}
	unless := func(name, value string) {
		if set[name] == "" {
			env = append(env, name+"="+value)
		}
	}
	unless("HOME", "/tmp")
	unless("TZ", "UTC")
	if set["LC_ALL"] == "" {
		unless("LANG", "C.UTF-8")
	}
	unless("R_NSIZE", cells)
	for _, name := range []string{"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"} {
		unless(name, strconv.Itoa(max(1, threads)))
	}
	return env
}
