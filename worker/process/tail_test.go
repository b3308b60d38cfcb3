//go:build linux

package process

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

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
			tl := tail{crashPrefix: " *** caught "}
			for range 2 { // a reset forgets everything
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
