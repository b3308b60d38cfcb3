package doctor

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"lambda-r-runtime/worker/process"
)

const mb = 1 << 20

// leastTemp is how many bytes there should be for temporary files. Lambda gives 512 MB
// or more.
const leastTemp = 64 * mb

// proc looks whether a file descriptor can be opened by its name, as R opens its script
// and its pipes.
func (e *examination) proc() {
	r, w, err := os.Pipe()
	if err == nil {
		defer r.Close()
		defer w.Close()
		var f *os.File
		if f, err = os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", w.Fd()), os.O_WRONLY, 0); err == nil {
			err = f.Close()
		}
	}
	if err != nil {
		e.fail("/proc/self/fd", "%v: mount /proc; R gets its script and its pipes through it", err)
		return
	}
	e.ok("/proc/self/fd", "can be opened")
}

// temp looks whether temporary files can be written, and how much of them.
func (e *examination) temp() {
	dir := e.Worker.TempDir
	f, err := os.CreateTemp(dir, "lambda-r-doctor-")
	if err == nil {
		_, err = f.Write(make([]byte, 4096))
		err = firstError(err, f.Close(), os.Remove(f.Name()))
	}
	var stat unix.Statfs_t
	if err == nil {
		err = unix.Statfs(dir, &stat)
	}
	if err != nil {
		e.fail(dir, "%v: mount a file system that can be written at %s, or set TMPDIR to one", err, dir)
		return
	}
	free := int64(stat.Bavail) * stat.Bsize
	switch {
	case free < leastTemp:
		e.warn(dir, "can be written, but only %d MB are free: free %d MB, or give the function more ephemeral storage", free/mb, leastTemp/mb)
	case dir != "/tmp" && !strings.HasPrefix(dir, "/tmp/"):
		e.warn(dir, "can be written here; in Lambda only /tmp can, so do not set TMPDIR in the image")
	default:
		e.ok(dir, "can be written, %d MB free", free/mb)
	}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// disk looks whether the rest can be written.
func (e *examination) disk() {
	for _, dir := range []string{"/", e.Worker.Dir} {
		if unix.Access(dir, unix.W_OK) == nil {
			e.ok("disk", "can be written here; in Lambda only /tmp can")
			return
		}
	}
	e.ok("disk", "can be written in /tmp only, as in Lambda")
}

func (e *examination) user() {
	uid := os.Getuid()
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		e.ok("user", "%s (uid %d); in Lambda it is one without a name", u.Username, uid)
		return
	}
	e.ok("user", "uid %d has no name, as in Lambda", uid)
}

// home says which HOME R gets.
func (e *examination) home() {
	home := e.env("HOME")
	switch set := e.Getenv("HOME"); {
	case set != "" && set != home:
		e.ok("HOME", "%s, because %s is no folder", home, set)
	case home == "/tmp" || strings.HasPrefix(home, "/tmp/"):
		e.ok("HOME", "%s", home)
	default:
		e.ok("HOME", "%s; in Lambda it can only be read", home)
	}
}

// zone looks whether the time zone that R gets is known here: R would take one that is
// not for UTC, and not say so.
func (e *examination) zone() {
	zone := e.env("TZ")
	// UTC needs no data, nor do rules, as EST5EDT is one, which have digits.
	known := zone == "UTC" || zone == "GMT" || strings.ContainsAny(zone, "0123456789")
	for _, dir := range []string{e.env("TZDIR"), "/usr/share/zoneinfo"} {
		if info, err := os.Stat(filepath.Join(dir, zone)); dir != "" && err == nil && info.Mode().IsRegular() {
			known = true
		}
	}
	if !known {
		e.warn("TZ", "%s is not known here, so R takes it for UTC: install the system package tzdata, or set TZ=UTC", zone)
		return
	}
	e.ok("TZ", "%s", zone)
}

// limit returns what holds R's memory, in bytes, and what that is; 0: nothing does.
func (e *examination) limit() (bytes int64, what string) {
	bytes, what = process.MemoryLimit(), "the control group's limit"
	size, err := strconv.ParseInt(e.Getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), 10, 64)
	if err == nil && size > 0 && (bytes == 0 || size*mb < bytes) {
		return size * mb, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"
	}
	return bytes, what
}

func (e *examination) memory() {
	limit, what := e.limit()
	size, err := strconv.ParseInt(e.Getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), 10, 64)
	switch {
	case limit == 0:
		e.ok("memory", "nothing limits it here; in Lambda the function's memory does")
	case err == nil && size*mb > limit:
		e.warn("memory", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE is %d MB, but the control group's limit is %d MB: raise that", size, limit/mb)
	default:
		e.ok("memory", "%d MB, %s", limit/mb, what)
	}
}
