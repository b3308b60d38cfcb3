// Package memfd makes files in memory. They have no name on any disk, so they work where every
// disk is read-only. A kernel or a sandbox without memfd_create gets temporary files without a
// name instead.
package memfd

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// seals forbid every change, also through a descriptor that was opened for writing, and also
// the removal of a seal. See fcntl(2), "File Sealing".
const seals = unix.F_SEAL_WRITE | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL

// New returns a file with the given content, which nothing can change afterwards. Another process
// that inherits it can open it by its number, below /proc/self/fd. Name is only for people: it
// appears in /proc.
func New(name string, content []byte) (*os.File, error) {
	f, err := create(name, unix.MFD_ALLOW_SEALING)
	if isRefused(err) {
		return newOnDisk(name, content)
	}
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(content); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return nil, errors.Join(fmt.Errorf("seal the memory file %s: %w", name, err), f.Close())
	}
	return f, nil
}

// NewWritable returns an empty file that every process which inherits it can write. It is for the
// answers of one process: a file that several processes read must be sealed.
func NewWritable(name string) (*os.File, error) {
	f, err := create(name, 0)
	if isRefused(err) {
		return unnamed(name)
	}
	return f, err
}

// memfdCreate is replaced in tests.
var memfdCreate = unix.MemfdCreate

func create(name string, flags int) (*os.File, error) {
	fd, err := memfdCreate(name, unix.MFD_CLOEXEC|flags)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// isRefused reports whether there is no memfd_create: the kernel lacks it, or a seccomp filter
// refuses it.
func isRefused(err error) bool {
	return errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES)
}

// newOnDisk returns a read-only descriptor of a file without a name. Without seals its mode
// protects it, which does not bind root.
func newOnDisk(name string, content []byte) (*os.File, error) {
	f, err := unnamed(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := f.Write(content); err != nil {
		return nil, err
	}
	if err := f.Chmod(0o400); err != nil {
		return nil, err
	}
	return os.Open(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
}

// unnamed returns an empty temporary file that has no name any more.
func unnamed(name string) (*os.File, error) {
	f, err := os.CreateTemp("", name+"-")
	if err != nil {
		return nil, fmt.Errorf("memfd_create is not available, and neither is a temporary file: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
