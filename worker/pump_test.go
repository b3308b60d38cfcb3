package worker

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A sink collects what a pump emits.
type sink struct {
	mu   sync.Mutex
	got  []string
	come chan struct{} // has an element after an emit
}

func newSink() *sink { return &sink{come: make(chan struct{}, 1)} }

func (s *sink) emit(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, line)
	select {
	case s.come <- struct{}{}:
	default:
	}
}

// lines returns the lines since it was last called.
func (s *sink) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.got
	s.got = nil
	return got
}

// startPump runs a pump and returns the end of its pipe that is to be written to.
func startPump(t *testing.T, s *sink) (*pump, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPump(r, s.emit)
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(p.run)
	t.Cleanup(func() {
		w.Close()
		r.Close()
		running.Wait()
	})
	return p, w
}

// How output comes in pieces must not show in its lines.
func TestSplit(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	for _, test := range []struct {
		name  string
		input string
		want  []string
	}{
		{"nothing", "", nil},
		{"lines", "a\nbc\n", []string{"a", "bc"}},
		{"empty lines", "\n\na\n\n", []string{"", "", "a", ""}},
		{"last line without its end", "a\nbc", []string{"a", "bc"}},
		{"CR LF", "a\r\n\r\nb\rc\r\n", []string{"a", "", "b\rc"}},
		{"invalid UTF-8", "a\xff\xfeb\n\xc3\n", []string{"a\uFFFDb", "\uFFFD"}},
		{"valid UTF-8", "größe €\n", []string{"größe €"}},
		{"NUL", "a\x00b\n", []string{"a\x00b"}},
		{"64 KiB", x(maxLine) + "\na\n", []string{x(maxLine), "a"}},
		{"64 KiB less one", x(maxLine-1) + "\na\n", []string{x(maxLine - 1), "a"}},
		{"64 KiB and one", x(maxLine+1) + "\na\n", []string{x(maxLine), "x", "a"}},
		{"96 KiB", x(maxLine*3/2) + "\na\n", []string{x(maxLine), x(maxLine / 2), "a"}},
		{"128 KiB", x(2*maxLine) + "\na\n", []string{x(maxLine), x(maxLine), "a"}},
		{"128 KiB without an end", x(2 * maxLine), []string{x(maxLine), x(maxLine)}},
		{"between short ones", "a\n" + x(maxLine+2) + "\nb\n", []string{"a", x(maxLine), "xx", "b"}},
	} {
		for _, size := range []int{1, 7, 1000, 32 << 10, 32<<10 - 1} {
			t.Run(fmt.Sprintf("%s/in pieces of %d", test.name, size), func(t *testing.T) {
				s := newSink()
				p := &pump{emit: s.emit}
				for piece := range slices.Chunk([]byte(test.input), size) {
					p.split(piece)
				}
				if len(p.partial) > 0 {
					p.line(p.partial)
				}
				checkLines(t, s.lines(), test.want)
			})
		}
	}
}

func checkLines(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %s, want %s", lengths(got), lengths(want))
	}
}

// lengths shows lines, the long ones by their length.
func lengths(lines []string) string {
	var b strings.Builder
	for _, line := range lines {
		if len(line) > 100 {
			fmt.Fprintf(&b, "(%d bytes) ", len(line))
		} else {
			fmt.Fprintf(&b, "%q ", line)
		}
	}
	return b.String()
}

// A flush emits all that was written before it, and ends a line in two.
func TestFlush(t *testing.T) {
	s := newSink()
	p, w := startPump(t, s)
	for i := range 2000 {
		text := fmt.Sprintf("line %d\nunfinished %d", i, i)
		if _, err := w.WriteString(text); err != nil {
			t.Fatal(err)
		}
		p.flush()
		checkLines(t, s.lines(), strings.Split(text, "\n"))
	}
	p.flush()
	checkLines(t, s.lines(), nil)
}

// The pump emits whole lines without being told to.
func TestRun(t *testing.T) {
	s := newSink()
	_, w := startPump(t, s)
	for range 100 {
		if _, err := w.WriteString("line\n"); err != nil {
			t.Fatal(err)
		}
		select {
		case <-s.come:
		case <-time.After(patience):
			t.Fatal("no line came")
		}
		checkLines(t, s.lines(), []string{"line"})
	}
}

// At its end, run emits what there is.
func TestRunAtEnd(t *testing.T) {
	for name, end := range map[string]func(p *pump, w *os.File) error{
		"end of file": func(_ *pump, w *os.File) error { return w.Close() },
		"closed":      func(p *pump, _ *os.File) error { p.flush(); return p.file.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			defer w.Close()
			s := newSink()
			p, err := newPump(r, s.emit)
			if err != nil {
				t.Fatal(err)
			}
			var running sync.WaitGroup
			running.Go(p.run)
			if _, err := w.WriteString("a\nb"); err != nil {
				t.Fatal(err)
			}
			if err := end(p, w); err != nil {
				t.Fatal(err)
			}
			quickly(t, "the end of run", running.Wait)
			checkLines(t, s.lines(), []string{"a", "b"})
			p.flush() // does no harm
			checkLines(t, s.lines(), nil)
		})
	}
}

func TestTail(t *testing.T) {
	var numbered []string
	for i := range 20 {
		numbered = append(numbered, fmt.Sprint(i))
	}
	crash := append([]string{" *** caught segfault ***", "address (nil), cause 'memory not mapped'"}, numbered...)
	for _, test := range []struct {
		name  string
		lines []string
		want  []string
	}{
		{"nothing", nil, nil},
		{"few", []string{"a", "b"}, []string{"a", "b"}},
		{"many", numbered, numbered[10:]},
		{"crash", append(slices.Clone(numbered), crash...), crash[:10]},
		{"short crash", append([]string{"before"}, crash[:3]...), crash[:3]},
		{"long line", []string{strings.Repeat("x", 5000)}, []string{strings.Repeat("x", tailWidth)}},
		{"cut within a character", []string{strings.Repeat("x", tailWidth-1) + "€"}, []string{strings.Repeat("x", tailWidth-1)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var tl tail
			for range 2 { // as good as new after a reset
				for _, line := range test.lines {
					tl.add(line)
				}
				checkLines(t, tl.lines(), test.want)
				tl.reset()
				checkLines(t, tl.lines(), nil)
			}
		})
	}
}
