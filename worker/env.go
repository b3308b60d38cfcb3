package worker

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// cells is how many cells R's heap has before R collects garbage for the first time. A plain R needs
// 290,000, and a small invocation 3,000 more, so that R's default of 350,000 means a collection of
// 2 ms in every twentieth invocation. With this value it is fewer than one in a hundred, for 6 MB.
const cells = "700000"

// Environment returns the environment of an R process: base, in the form of os.Environ, without
// what is bootstrap's own, and with defaults for what Lambda may not set: home, time zone, locale
// and the size of R's heap. A time zone and locales that this system does not have by that name
// are replaced. Threads is the number of threads that a linear algebra library may use.
func Environment(base []string, threads int) []string {
	env := make([]string, 0, len(base)+8)
	set := map[string]string{}
	installed := readLocales(localeFolder)
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
			value = timeZone(value)
			entry = name + "=" + value
		}
		if name == "LANG" || strings.HasPrefix(name, "LC_") {
			value = installed.usable(value)
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

// Lookup returns a variable of an environment in the form of os.Environ, "" if it has none. The last of
// several entries counts.
func Lookup(env []string, name string) string {
	for _, entry := range slices.Backward(env) {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// timeZone returns the value of TZ for R. Images of AWS set ":/etc/localtime", and Managed
// Instances ":UTC", which R and its packages take for unknown names.
func timeZone(value string) string {
	value, colon := strings.CutPrefix(value, ":")
	if !colon || !filepath.IsAbs(value) {
		return value
	}
	target, err := os.Readlink(value)
	if err != nil {
		return value
	}
	if _, zone, ok := strings.Cut(target, "/zoneinfo/"); ok {
		return zone
	}
	return value
}
