package memfd

import (
	"fmt"
	"os"
	"testing"
)

// Every process that opens the file by its number reads it from the beginning.
func TestNew(t *testing.T) {
	f, err := New("greeting", []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for range 2 {
		got, err := os.ReadFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
		if err != nil || string(got) != "hello" {
			t.Errorf("got %q, %v", got, err)
		}
	}
}
