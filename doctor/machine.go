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

// leastTemp is how much space there should be for temporary files, in bytes. Lambda provides
// at least 512 MB.
const leastTemp = 64 * mb

// proc checks that file descriptors can be opened by name, as R opens its script and pipes.
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

// temp checks that temporary files can be written, and how much space there is.
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
		e.fail(dir, "%v: mount a writable file system at %s, or set TMPDIR to one", err, dir)
		return
	}
	free := int64(stat.Bavail) * stat.Bsize
	switch {
	case free < leastTemp:
		e.warn(dir, "writable, but only %d MB are free: free %d MB, or give the function more ephemeral storage",
			free/mb, leastTemp/mb)
	case dir != "/tmp" && !strings.HasPrefix(dir, "/tmp/"):
		e.warn(dir, "writable here, but in Lambda only /tmp is: do not set TMPDIR in the image")
	default:
		e.ok(dir, "writable, %d MB free", free/mb)
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

// disk checks whether other folders can be written.
func (e *examination) disk() {
	for _, dir := range []string{"/", e.Worker.Dir} {
		if unix.Access(dir, unix.W_OK) == nil {
			e.ok("disk", "writable here; in Lambda only /tmp is")
			return
		}
	}
	e.ok("disk", "writable in /tmp only, as in Lambda")
}

func (e *examination) user() {
	uid := os.Getuid()
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		e.ok("user", "%s (uid %d); in Lambda the user has no name", u.Username, uid)
		return
	}
	e.ok("user", "uid %d has no name, as in Lambda", uid)
}

// home reports the HOME that R gets.
func (e *examination) home() {
	home := e.env("HOME")
	switch set := e.Getenv("HOME"); {
	case set != "" && set != home:
		e.ok("HOME", "%s, because %s is not a folder", home, set)
	case home == "/tmp" || strings.HasPrefix(home, "/tmp/"):
		e.ok("HOME", "%s", home)
	default:
		e.ok("HOME", "%s; read-only in Lambda", home)
	}
}

// zone checks that R's time zone exists here. R takes an unknown one for UTC without a
// warning.
func (e *examination) zone() {
	zone := e.env("TZ")
	// UTC needs no data, nor do POSIX rules such as EST5EDT, which have digits.
	known := zone == "UTC" || zone == "GMT" || strings.ContainsAny(zone, "0123456789")
	for _, dir := range []string{e.env("TZDIR"), "/usr/share/zoneinfo"} {
		if info, err := os.Stat(filepath.Join(dir, zone)); dir != "" && err == nil && info.Mode().IsRegular() {
			known = true
		}
	}
	if !known {
		e.warn("TZ", "%s is not known here, so R would use UTC: install the system package tzdata, or set TZ=UTC", zone)
		return
	}
	e.ok("TZ", "%s", zone)
}

// limit returns R's memory limit in bytes and its source, or 0 if there is none.
func (e *examination) limit() (bytes int64, source string) {
	bytes, source = process.MemoryLimit(), "the control group's limit"
	size, err := strconv.ParseInt(e.Getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), 10, 64)
	if err == nil && size > 0 && (bytes == 0 || size*mb < bytes) {
		return size * mb, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"
	}
	return bytes, source
}

func (e *examination) memory() {
	limit, source := e.limit()
	size, err := strconv.ParseInt(e.Getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), 10, 64)
	switch {
	case limit == 0:
		e.ok("memory", "no limit here; in Lambda it is the function's memory")
	case err == nil && size*mb > limit:
		e.warn("memory", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE is %d MB, but the control group's limit is %d MB: raise the limit",
			size, limit/mb)
	default:
		e.ok("memory", "%d MB, %s", limit/mb, source)
	}
}
