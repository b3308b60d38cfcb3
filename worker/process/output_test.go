//go:build linux

package process

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// startPump runs a pump and returns the end of its pipe that is to be written to.
func startPump(t *testing.T, s *sink) (*pump, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p, err := newTestPump(r, s.emit)
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

// newTestPump returns a pump of a standard output without records.
func newTestPump(r *os.File, emit func(string)) (*pump, error) {
	m, err := newMerger(r, nil, Options{Stdout: emit}, nil)
	if err != nil {
		return nil, err
	}
	return m.stdout, nil
}

func (p *pump) flush() { p.merger.flush(p) }

// split delivers b as if it had been read.
func (p *pump) split(b []byte) {
	p.unread = b
	p.deliver(never)
}

// The pieces in which output arrives do not show in its lines.
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
		{"the longest line", x(MaxLine) + "\na\n", []string{x(MaxLine), "a"}},
		{"a byte less than a line", x(MaxLine-1) + "\na\n", []string{x(MaxLine - 1), "a"}},
		{"a byte more than a line", x(MaxLine+1) + "\na\n", []string{x(MaxLine), "x", "a"}},
		{"a line and a half", x(MaxLine*3/2) + "\na\n", []string{x(MaxLine), x(MaxLine / 2), "a"}},
		{"two lines in one", x(2*MaxLine) + "\na\n", []string{x(MaxLine), x(MaxLine), "a"}},
		{"two lines without an end", x(2 * MaxLine), []string{x(MaxLine), x(MaxLine)}},
		{"no piece ends inside a character", x(MaxLine-1) + "€€\n", []string{x(MaxLine - 1), "€€"}},
		{"invalid UTF-8 at the cut", x(MaxLine-2) + "\xbf\xbf\xbf\xbf\n", []string{x(MaxLine - 3), "x\uFFFD"}},
		{"between short ones", "a\n" + x(MaxLine+2) + "\nb\n", []string{"a", x(MaxLine), "xx", "b"}},
	} {
		for _, size := range []int{1, 7, 1000, 32 << 10, 32<<10 - 1} {
			t.Run(fmt.Sprintf("%s/in pieces of %d", test.name, size), func(t *testing.T) {
				s := newSink()
				p := &pump{merger: &merger{}, emit: s.emit}
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

// flush emits all that was written before it, and ends an unfinished line.
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

// The pump emits whole lines without a flush.
func TestRun(t *testing.T) {
	s := newSink()
	_, w := startPump(t, s)
	for range 100 {
		if _, err := w.WriteString("line\n"); err != nil {
			t.Fatal(err)
		}
		checkLines(t, s.next(t), []string{"line"})
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
			p, err := newTestPump(r, s.emit)
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

// A pump keeps no more than a line of a flood, even if it has no line feeds.
func TestFloodIsNotKept(t *testing.T) {
	total := 0
	p := &pump{merger: &merger{}, emit: func(line string) { total += len(line) }}
	piece := []byte(strings.Repeat("x", 1<<20))
	for range 20 {
		p.split(piece)
	}
	p.line(p.partial)
	if total != 20<<20 {
		t.Errorf("%d bytes were emitted", total)
	}
	if kept := cap(p.partial); kept > 2*MaxLine {
		t.Errorf("the pump holds on to %d bytes", kept)
	}
}
