//go:build linux

package process

import (
	"slices"
	"strings"
	"testing"
)

// FuzzOutput prints any text, in which a byte 2 stands for the secret tag. Text without the tag is
// logged line by line as it is: a function that prints an event cannot hide or forge a record.
func FuzzOutput(f *testing.F) {
	f.Add("a line\nand \xff another\r\n\nno end", "\x00\x1b[31m\n")
	f.Add("\x021\n", "\x0212 1 {\"level\": \"info\"}\nx\x0212 2+ {\n")
	f.Add("\x0299\n\x02-1\n\x02x", "\x02\n\x021 0+ a\n\x021 0 b\n\x01secre\x01secret")
	f.Add(strings.Repeat("x", 5000), "\x02 99999999999999999999 x\n")
	f.Fuzz(func(t *testing.T, stdout, stderr string) {
		const most = 16 << 10 // half of which a tag may fill
		stdout, stderr = stdout[:min(len(stdout), most)], stderr[:min(len(stderr), most)]
		w := newTalker(t, false)
		for _, pipe := range []struct {
			write func(string)
			text  string
		}{{func(s string) { w.write(w.stdout, s) }, stdout}, {func(s string) { w.write(w.stderr, s) }, stderr}} {
			tagged := strings.ReplaceAll(pipe.text, "\x02", testTag)
			pipe.write(tagged[:min(len(tagged), 60<<10)]) // what a pipe holds
		}
		w.stdout.Close()
		w.stderr.Close()
		for _, p := range w.merger.pumps() {
			p.run()
		}
		if n, most := len(linesOf(w.got, "record ")), strings.Count(stderr, "\x02")+strings.Count(stderr, testTag); n > most {
			t.Errorf("%d records were read of %d tags", n, most)
		}
		if strings.ContainsAny(stdout+stderr, "\x01\x02") {
			return // with a tag, or the beginning of one, which may be logged on its own
		}
		for prefix, text := range map[string]string{"out ": stdout, "err ": stderr} {
			if got, want := linesOf(w.got, prefix), splitText(text); !slices.Equal(got, want) {
				t.Errorf("%q was logged as %q, want %q", text, got, want)
			}
		}
	})
}

// linesOf returns the lines with a prefix, without it.
func linesOf(lines []string, prefix string) (of []string) {
	for _, line := range lines {
		if rest, ok := strings.CutPrefix(line, prefix); ok {
			of = append(of, rest)
		}
	}
	return of
}

// splitText returns the lines of a text as they are logged.
func splitText(text string) (lines []string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		lines = append(lines, strings.ToValidUTF8(line, "\uFFFD"))
	}
	return lines
}
