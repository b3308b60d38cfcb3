package memfd

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// open returns a new file of that content and the path by which it can be opened again.
func open(t *testing.T, content string) (f *os.File, path string) {
	t.Helper()
	f, err := New("greeting", []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, fmt.Sprintf("/proc/self/fd/%d", f.Fd())
}

// Every process that opens the file by its number reads it from the beginning.
func TestNew(t *testing.T) {
	_, path := open(t, "hello")
	for range 2 {
		got, err := os.ReadFile(path)
		if err != nil || string(got) != "hello" {
			t.Errorf("got %q, %v", got, err)
		}
	}
}

// No descriptor can change the file, whether it is the original, a copy or opened again.
func TestNewIsSealed(t *testing.T) {
	for name, change := range map[string]func(f *os.File, path string) error{
		"write":  func(f *os.File, _ string) error { _, err := f.WriteAt([]byte("J"), 0); return err },
		"append": func(f *os.File, _ string) error { _, err := f.WriteAt([]byte("!"), 5); return err },
		"shrink": func(f *os.File, _ string) error { return f.Truncate(1) },
		"grow":   func(f *os.File, _ string) error { return f.Truncate(100) },
		"punch": func(f *os.File, _ string) error {
			return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, 5)
		},
		"truncate": func(_ *os.File, path string) error { return os.WriteFile(path, []byte("planted"), 0) },
		"map": func(f *os.File, _ string) error {
			_, err := unix.Mmap(int(f.Fd()), 0, 5, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
			return err
		},
		"seal more": func(f *os.File, _ string) error {
			_, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, 0)
			return err
		},
		"reopen": func(_ *os.File, path string) error {
			again, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			defer again.Close()
			_, err = again.WriteString("planted")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, path := open(t, "hello")
			if err := change(f, path); !errors.Is(err, unix.EPERM) {
				t.Errorf("error is %v, want %v", err, unix.EPERM)
			}
			if got, err := os.ReadFile(path); err != nil || string(got) != "hello" {
				t.Errorf("afterwards it holds %q, %v", got, err)
			}
		})
	}
}

func TestNewWritable(t *testing.T) {
	f, err := NewWritable("answers")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("yes"); err != nil {
		t.Error(err)
	}
}

// Where memfd_create is refused, the files are temporary ones that leave no name.
func TestWithoutMemfdCreate(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	for _, refusal := range []error{unix.ENOSYS, unix.EPERM, unix.EACCES} {
		t.Run(refusal.Error(), func(t *testing.T) {
			memfdCreate = func(string, int) (int, error) { return -1, refusal }
			t.Cleanup(func() { memfdCreate = unix.MemfdCreate })
			f, path := open(t, "hello")
			for range 2 {
				if got, err := os.ReadFile(path); err != nil || string(got) != "hello" {
					t.Errorf("got %q, %v", got, err)
				}
			}
			if _, err := f.WriteString("planted"); err == nil {
				t.Error("the descriptor can be written")
			}
			answers, err := NewWritable("answers")
			if err != nil {
				t.Fatal(err)
			}
			defer answers.Close()
			if _, err := answers.WriteString("yes"); err != nil {
				t.Error(err)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
				t.Errorf("left in the folder: %v, %v", left, err)
			}
		})
	}
}

// Other failures are reported, not worked around.
func TestMemfdCreateFails(t *testing.T) {
	memfdCreate = func(string, int) (int, error) { return -1, unix.EMFILE }
	t.Cleanup(func() { memfdCreate = unix.MemfdCreate })
	if _, err := New("greeting", nil); !errors.Is(err, unix.EMFILE) {
		t.Errorf("error is %v", err)
	}
}
