// Package random returns random values that no two copies of a process share.
//
// SnapStart restores one snapshot of memory many times. A generator that keeps its state in memory
// then draws the same values in every copy. Go's generators do: math/rand has its state in the
// heap, and crypto/rand uses the vDSO's getrandom, whose state is in pages of the process. This
// package makes a system call for each value, so there is no state that could be in a snapshot.
// Lambda reseeds the kernel's own generator at each restore (AWS Lambda Developer Guide, "Handling
// uniqueness with Lambda SnapStart").
package random

import (
	"encoding/binary"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Read fills p with random bytes. It panics if the kernel refuses, as crypto/rand does: no caller
// could go on.
func Read(p []byte) {
	for len(p) > 0 {
		// unix.Getrandom and crypto/rand would use the vDSO.
		n, _, errno := unix.Syscall(unix.SYS_GETRANDOM, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), 0)
		switch errno {
		case 0:
			p = p[n:]
		case unix.EINTR: // by a signal, before the kernel has enough entropy
		default:
			panic(os.NewSyscallError("getrandom", errno))
		}
	}
}

// Float64 returns a number of at least 0 and below 1.
func Float64() float64 {
	var b [8]byte
	Read(b[:])
	return float64(binary.NativeEndian.Uint64(b[:])>>11) / (1 << 53)
}

// Jitter returns d ± 50 %.
func Jitter(d time.Duration) time.Duration {
	return time.Duration((0.5 + Float64()) * float64(d))
}

// Text returns 26 capital letters and digits, which hold 130 random bits: nobody can guess them.
func Text() string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	var b [26]byte
	Read(b[:])
	for i := range b {
		b[i] = alphabet[b[i]%byte(len(alphabet))]
	}
	return string(b[:])
}
