//go:build linux

package process

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

const testTag = "\x01secret"

// A talker writes to the pipes of a merger as a process does.
type talker struct {
	t              *testing.T
	merger         *merger
	stdout, stderr *os.File
	number         int

	mu  sync.Mutex
	got []string
}

// newTalker returns a talker whose lines and records are kept in got. If run, the pumps run.
func newTalker(t *testing.T, run bool) *talker {
	t.Helper()
	w := &talker{t: t}
	keep := func(prefix string) func(string) {
		return func(line string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.got = append(w.got, prefix+line)
		}
	}
	out, stdout, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	errs, stderr, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	w.stdout, w.stderr = stdout, stderr
	record := keep("record ")
	w.merger, err = newMerger(out, errs, Options{
		Tag: testTag, Stdout: keep("out "), Record: func(body []byte) { record(string(body)) },
	}, keep("err "))
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	if run {
		for _, p := range w.merger.pumps() {
			running.Go(p.run)
		}
	}
	t.Cleanup(func() {
		for _, f := range []*os.File{stdout, stderr, out, errs} {
			f.Close()
		}
		running.Wait()
	})
	return w
}

func (w *talker) write(f *os.File, text string) {
	w.t.Helper()
	if _, err := f.WriteString(text); err != nil {
		w.t.Fatal(err)
	}
}

func (w *talker) print(line string)  { w.write(w.stdout, line+"\n") }
func (w *talker) printE(line string) { w.write(w.stderr, line+"\n") }

// record writes a record and its mark.
func (w *talker) record(body string) {
	w.number++
	w.write(w.stderr, fmt.Sprintf("%s7 %d %s\n", testTag, w.number, body))
	w.write(w.stdout, fmt.Sprintf("%s%d\n", testTag, w.number))
}

// delivered flushes the pipes, and returns what was delivered since the last call.
func (w *talker) delivered() []string {
	w.merger.flush(w.merger.pumps()...)
	w.mu.Lock()
	defer w.mu.Unlock()
	got := w.got
	w.got = nil
	return got
}

// Records are delivered between the lines of both streams that surround them.
func TestRecordsInOrder(t *testing.T) {
	for _, run := range []bool{false, true} {
		t.Run(fmt.Sprintf("pumps run: %v", run), func(t *testing.T) {
			w := newTalker(t, run)
			random := rand.New(rand.NewPCG(1, 2))
			for round := range 300 {
				var blocks [][]string // the records separate them
				var block []string
				for i := range random.IntN(100) {
					switch random.IntN(3) {
					case 0:
						w.print(fmt.Sprint(i))
						block = append(block, fmt.Sprint("out ", i))
					case 1:
						w.printE(fmt.Sprint(i))
						block = append(block, fmt.Sprint("err ", i))
					case 2:
						w.record(fmt.Sprint(i))
						blocks = append(blocks, block, []string{fmt.Sprint("record ", i)})
						block = nil
					}
				}
				got := w.delivered()
				for _, want := range append(blocks, block) {
					if len(got) < len(want) || !sameStreams(got[:len(want)], want) {
						t.Fatalf("round %d: got %q, want %q", round, got, want)
					}
					got = got[len(want):]
				}
				if len(got) > 0 {
					t.Fatalf("round %d: also got %q", round, got)
				}
			}
		})
	}
}

// sameStreams reports whether each stream has the same lines in both.
func sameStreams(a, b []string) bool {
	byStream := func(x, y string) int { return strings.Compare(x[:3], y[:3]) }
	a, b = slices.Clone(a), slices.Clone(b)
	slices.SortStableFunc(a, byStream)
	slices.SortStableFunc(b, byStream)
	return slices.Equal(a, b)
}

// Thousands of records that nobody flushes arrive by themselves.
func TestRecordsWithoutFlush(t *testing.T) {
	w := newTalker(t, true)
	for i := range 5000 {
		w.print(fmt.Sprint(i))
		w.record(fmt.Sprint(i))
	}
	got := w.delivered()
	if len(got) != 10000 {
		t.Fatalf("got %d of 10000", len(got))
	}
	for i := range 5000 {
		if got[2*i] != fmt.Sprint("out ", i) || got[2*i+1] != fmt.Sprint("record ", i) {
			t.Fatalf("at %d: got %q", i, got[2*i:2*i+2])
		}
	}
}

func TestRecordForms(t *testing.T) {
	for name, test := range map[string]struct {
		stdout, stderr string
		want           []string
	}{
		"in the middle of a line":       {"ab" + testTag + "1\ncd\n", "x" + testTag + "7 1 r\ny\n", []string{"err xy", "out abcd", "record r"}},
		"pieces":                        {"", testTag + "7 1+ ab\n" + testTag + "7 1+ cd\n" + testTag + "7 1 e\n", []string{"record abcde"}},
		"pieces of two processes":       {"", testTag + "7 0+ a\n" + testTag + "8 0+ c\n" + testTag + "7 0 b\n" + testTag + "8 0 d\n", []string{"record ab", "record cd"}},
		"no mark":                       {"a\n", testTag + "7 0 r\n", []string{"out a", "record r"}},
		"a mark without its record":     {testTag + "5\na\n", "", []string{"out a"}},
		"a record without its mark":     {"a\n", testTag + "7 5 r\n", []string{"out a", "record r"}},
		"nothing after the tag":         {testTag + "\na\n", testTag + "\n", []string{"out a", "record "}},
		"the beginning of a tag":        {testTag[:4], testTag[:4] + "\n", []string{"err " + testTag[:4]}},
		"a number that is too large":    {testTag + "99999999999999999999\na\n", testTag + "7 99999999999999999999 r\n", []string{"out a", "record r"}},
		"numbers that run backwards":    {testTag + "2\n" + testTag + "1\na\n", testTag + "7 2 r\n" + testTag + "7 1 s\n", []string{"out a", "record r", "record s"}},
		"marks in the wrong order":      {testTag + "1\na\n" + testTag + "2\nb\n", testTag + "7 2 s\n" + testTag + "7 1 r\n", []string{"out a", "out b", "record r", "record s"}},
		"text that looks like a record": {"7 1 r\n", "7 1 r\n", []string{"err 7 1 r", "out 7 1 r"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTalker(t, false)
			w.write(w.stdout, test.stdout)
			w.write(w.stderr, test.stderr)
			got := w.delivered()
			slices.Sort(got)
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// An unfinished tagged line is never delivered as text.
func TestFlushKeepsUnfinishedRecord(t *testing.T) {
	w := newTalker(t, false)
	record := "text" + testTag + "7 0 body\n"
	for i := range len(record) {
		w.write(w.stderr, record[i:i+1])
		for _, got := range w.delivered() {
			if strings.Contains(got, testTag[:1]) {
				t.Fatalf("after %d bytes: got %q", i, got)
			}
		}
	}
}

// At the end of the pipe, what could have been a tag is text.
func TestUnfinishedTagAtTheEnd(t *testing.T) {
	w := newTalker(t, false)
	w.write(w.stderr, "text"+testTag[:2])
	w.merger.finish(w.merger.stderr)
	if got, want := w.delivered(), []string{"err text", "err " + testTag[:2]}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Unfinished records do not use memory without a bound.
func TestUnfinishedRecords(t *testing.T) {
	w := newTalker(t, false)
	piece := strings.Repeat("x", 4000)
	for pid := range 2 * maxPieces / len(piece) {
		w.write(w.stderr, fmt.Sprintf("%s%d 0+ %s\n", testTag, pid, piece))
		w.delivered()
	}
	if m := w.merger; m.piecesSize > maxPieces || len(m.pieces) > maxPieces/len(piece) {
		t.Errorf("%d bytes are kept", m.piecesSize)
	}
}

// An over-long line before a record does not swallow it.
func TestRecordAfterLongLine(t *testing.T) {
	w := newTalker(t, true)
	x := strings.Repeat("x", MaxLine)
	w.write(w.stderr, x+"y"+testTag+"7 0 r\nz\n")
	got := w.delivered()
	slices.Sort(got)
	if want := []string{"err " + x, "err yz", "record r"}; !slices.Equal(got, want) {
		t.Errorf("got %s", lengths(got))
	}
}
