//go:build machines

package machines

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// refuseVariable names the system call that this program refuses to the program that it becomes:
// NAME=ERRNO.
const refuseVariable = "MACHINES_REFUSE"

// Numbers of system calls, by the names of refuseVariable.
var systemCalls = map[string]uint32{"memfd_create": unix.SYS_MEMFD_CREATE, "prctl": unix.SYS_PRCTL}

// refuse returns the value of refuseVariable for a system call that fails with this error.
func refuse(call string, errno unix.Errno) string { return call + "=" + strconv.Itoa(int(errno)) }

// refuseAndExec becomes the program args, for which and for whose children a seccomp filter refuses
// a system call.
func refuseAndExec(refused string, args []string) {
	name, number, _ := strings.Cut(refused, "=")
	errno, err := strconv.ParseUint(number, 10, 12)
	call, known := systemCalls[name]
	if err == nil && !known {
		err = fmt.Errorf("no such system call: %q", name)
	}
	var path string
	if err == nil {
		path, err = exec.LookPath(args[0])
	}
	if err == nil {
		runtime.LockOSThread() // the filter is this thread's, and exec keeps that thread
		err = filter(call, uint32(errno))
	}
	if err == nil {
		_ = os.Unsetenv(refuseVariable) // never fails for this name
		err = unix.Exec(path, args, os.Environ())
	}
	fmt.Fprintln(os.Stderr, "refuse", refused, ":", err)
	os.Exit(1)
}

// filter installs a filter that answers this system call with an error.
func filter(call, errno uint32) error {
	const offsetOfNumber = 0 // in struct seccomp_data
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offsetOfNumber},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: call, Jt: 0, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | errno},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	fprog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	_, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&fprog)))
	if e != 0 {
		return os.NewSyscallError("seccomp", e)
	}
	return nil
}
