package board_test

import (
	"regexp"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"lambda-r-runtime/test/kit/board"
)

func TestBoard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b board.Board
		n := 0
		go func() { // ends with the bubble
			for range 3 {
				time.Sleep(time.Second)
				b.Update(func() { n++ })
			}
		}()
		began := time.Now()
		if !b.Wait(time.Minute, func() bool { return n == 3 }) || time.Since(began) != 3*time.Second {
			t.Errorf("it waited %v for n to become 3, which is %d", time.Since(began), n)
		}
		if b.Wait(time.Minute, func() bool { return n == 4 }) || time.Since(began) != 63*time.Second {
			t.Errorf("it waited %v for what did not happen", time.Since(began))
		}
	})
}

func TestText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text board.Text
		go func() { // ends with the bubble
			for _, piece := range []string{"pid=", "12", " done"} {
				time.Sleep(time.Second)
				_, _ = text.Write([]byte(piece)) // never fails
			}
			_ = text.Close() // never fails
		}()
		if got := text.WaitFor(time.Minute, regexp.MustCompile(`pid=(\d+) `)); !slices.Equal(got, []string{"pid=12 ", "12"}) {
			t.Errorf("got %q", got)
		}
		began := time.Now()
		if got := text.WaitFor(time.Minute, regexp.MustCompile("more")); got != nil || time.Since(began) != 0 {
			t.Errorf("got %q after %v, want nil at the end of the text", got, time.Since(began))
		}
		if text.String() != "pid=12 done" {
			t.Errorf("got %q", text.String())
		}
	})
}
