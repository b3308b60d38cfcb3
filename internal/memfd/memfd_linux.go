// Package memfd makes files in memory. They have no name on any disk, so they work where every
// disk is read-only.
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
func NewWritable(name string) (*os.File, error) { return create(name, 0) }

func create(name string, flags int) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|flags)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}
