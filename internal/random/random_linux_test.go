package random

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func TestRead(t *testing.T) {
	// A call of the kernel returns at most 32 MiB - 1.
	for _, size := range []int{0, 1, 255, 257, 1 << 25} {
		p := make([]byte, size+16)
		Read(p[:size])
		if !bytes.Equal(p[size:], make([]byte, 16)) {
			t.Fatalf("%d bytes: it wrote beyond them", size)
		}
		if size > 16 && bytes.Equal(p[size-16:size], make([]byte, 16)) {
			t.Fatalf("%d bytes: the last 16 are zero", size)
		}
	}
}

func TestFloat64(t *testing.T) {
	seen := map[float64]bool{}
	var sum float64
	const n = 10000
	for range n {
		x := Float64()
		if x < 0 || x >= 1 {
			t.Fatalf("drew %v", x)
		}
		sum += x
		seen[x] = true
	}
	if len(seen) != n {
		t.Errorf("%d of %d numbers are different", len(seen), n)
	}
	if mean := sum / n; mean < 0.45 || mean > 0.55 { // 17 standard errors
		t.Errorf("the mean is %v", mean)
	}
}

func TestJitter(t *testing.T) {
	low, high := time.Duration(1<<62), time.Duration(0)
	for range 1000 {
		d := Jitter(time.Second)
		low, high = min(low, d), max(high, d)
	}
	if low < time.Second/2 || high >= 3*time.Second/2 || high-low < 3*time.Second/4 {
		t.Errorf("a second became %v to %v", low, high)
	}
	if d := Jitter(0); d != 0 {
		t.Errorf("0 became %v", d)
	}
}

func TestText(t *testing.T) {
	valid := regexp.MustCompile(`^[A-Z2-7]{26}$`)
	seen, letters := map[string]bool{}, map[rune]bool{}
	for range 1000 {
		text := Text()
		if !valid.MatchString(text) || seen[text] {
			t.Fatalf("got %q", text)
		}
		seen[text] = true
		for _, c := range text {
			letters[c] = true
		}
	}
	if len(letters) != 32 {
		t.Errorf("1000 texts have %d different characters", len(letters))
	}
}

var forbidden = flag.Bool("random.forbidden", false, "draw with a kernel that refuses to")

// Each value comes from the kernel: when that begins to refuse, not one more is drawn. A generator
// with a state in memory, such as the vDSO's, would go on for a while.
func TestKernelIsAskedEachTime(t *testing.T) {
	if *forbidden {
		runtime.LockOSThread() // the thread ends with the test
		Float64()
		forbidGetrandom(t)
		t.Log("forbidden")
		Float64()
		t.Fatal("drawn without the kernel")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(self, "-test.run=^TestKernelIsAskedEachTime$", "-test.v", "-random.forbidden").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "forbidden\n") || !strings.Contains(string(out), "panic: getrandom: operation not permitted") {
		t.Errorf("got %v, want a panic of the first call that is forbidden:\n%s", err, out)
	}
}

// forbidGetrandom makes the system call fail in this thread.
func forbidGetrandom(t *testing.T) {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the number of the call
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_GETRANDOM, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0); err != nil {
		t.Fatal(err)
	}
}
