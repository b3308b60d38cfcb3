package lambdalog

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
)

// isUnsafe reports whether a reader's terminal may act on r: control characters, C1 controls too,
// line separators, and characters that change the direction of what follows. An event could use
// them to overwrite, colour or reorder what an operator reads.
func isUnsafe(r rune) bool {
	return r != '\t' && unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r)
}

// escapeControls escapes the unsafe characters of a line of text.
func escapeControls(line string) string {
	if strings.IndexFunc(line, isUnsafe) < 0 {
		return line
	}
	var b strings.Builder
	for _, r := range line {
		switch {
		case !isUnsafe(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// escapeDEL escapes the one unsafe character that the text handler leaves in fields.
func escapeDEL(text []byte) []byte {
	if bytes.IndexByte(text, 0x7f) < 0 {
		return text
	}
	return bytes.ReplaceAll(text, []byte{0x7f}, []byte(`\x7f`))
}

// escapeJSON escapes the unsafe characters in JSON, whose meaning stays the same: they can only be
// part of a string. Line feeds between records stay.
func escapeJSON(text []byte) []byte {
	unsafe := func(r rune) bool { return r >= 0x7f && isUnsafe(r) }
	if bytes.IndexFunc(text, unsafe) < 0 {
		return text
	}
	var b bytes.Buffer
	for _, r := range string(text) {
		if unsafe(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.Bytes()
}
