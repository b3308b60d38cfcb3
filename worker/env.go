package worker

import (
	"os"
	"strconv"
	"strings"
)

// Environment returns the environment of an R process, made of base
// ("NAME=value", as os.Environ gives it): safe for Lambda, where there may be no
// home, no time zone and no locale, and otherwise what the image set. Threads is
// how many threads a linear algebra library may use.
func Environment(base []string, threads int) []string {
	env := make([]string, 0, len(base)+8)
	set := map[string]string{}
	for _, entry := range base {
		name, value, _ := strings.Cut(entry, "=")
		switch name {
		case "AWS_LAMBDA_RUNTIME_API":
			// One poller: a handler that called /next would take events from us.
			continue
		case "_LAMBDA_TELEMETRY_LOG_FD":
			// The descriptor is for bootstrap, and R does not have it.
			continue
		case "R_HOME":
			// R's own start script knows it, and complains of any other.
			continue
		case "HOME":
			// Lambda's user has a home by name that does not exist.
			if info, err := os.Stat(value); err != nil || !info.IsDir() {
				continue
			}
		case "TZ":
			// Managed Instances set ":UTC", which R takes for a file and warns of.
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
	for _, name := range []string{"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"} {
		unless(name, strconv.Itoa(max(1, threads)))
	}
	return env
}
