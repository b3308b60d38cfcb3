package rvalue

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// unescape appends the text between quotes, which has valid escapes only, without its escapes.
func unescape(b, text []byte) []byte {
	for {
		i := bytes.IndexByte(text, '\\')
		if i < 0 {
			return append(b, text...)
		}
		r, size := unescapeOne(text[i:])
		b = utf8.AppendRune(append(b, text[:i]...), r)
		text = text[i+size:]
	}
}

// unescapeOne returns the character of the escape with which text begins, and how many bytes that
// takes. The size is 0 if it is invalid, half of a surrogate pair, or \u0000.
func unescapeOne(text []byte) (r rune, size int) {
	if len(text) < 2 {
		return 0, 0
	}
	switch c := text[1]; c {
	case '"', '\\', '/':
		return rune(c), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	}
	r = hex4(text)
	if utf16.IsSurrogate(r) {
		r = utf16.DecodeRune(r, hex4(text[6:]))
		if r == utf8.RuneError {
			return 0, 0
		}
		return r, 12
	}
	if r <= 0 {
		return 0, 0
	}
	return r, 6
}

// hex4 returns the number of an escape \uXXXX, or -1.
func hex4(text []byte) rune {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range text[2:6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}
