//go:build linux

package process

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ReadOnly makes every folder read-only for the children that are started later, except for
// those in writable, and then those in readOnly, which may be below writable ones. The mounts
// are in a namespace of their own, so this program and the rest of the machine see no change.
// ReadOnly needs the capability CAP_SYS_ADMIN and Linux 5.12.
func ReadOnly(writable, readOnly []string) error {
	return onStarter(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
			return os.NewSyscallError("unshare", err)
		}
		// Private first, so that no later mount is seen outside.
		if err := setMountAttr("/", unix.AT_RECURSIVE, unix.MountAttr{Propagation: unix.MS_PRIVATE}); err != nil {
			return err
		}
		for _, dirs := range [][]string{writable, readOnly} {
			for _, dir := range dirs {
				if err := unix.Mount(dir, dir, "", unix.MS_BIND, ""); err != nil {
					return &os.PathError{Op: "mount", Path: dir, Err: err}
				}
			}
		}
		if err := setMountAttr("/", unix.AT_RECURSIVE, unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
			return err
		}
		for _, dir := range writable {
			if err := setMountAttr(dir, 0, unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY}); err != nil {
				return err
			}
		}
		return nil
	})
}

func setMountAttr(dir string, flags uint, attr unix.MountAttr) error {
	if err := unix.MountSetattr(unix.AT_FDCWD, dir, flags, &attr); err != nil {
		return fmt.Errorf("mount_setattr %s: %w", dir, err)
	}
	return nil
}
