// Package memfd makes files in memory. They have no name on any disk, so they work where every
// disk is read-only.
package memfd

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// New returns a file with the given content. Another process that inherits it can open it by
// its number, below /proc/self/fd. Name is only for people: it appears in /proc.
func New(name string, content []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), name)
	if _, err := f.Write(content); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
