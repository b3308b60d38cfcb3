package rvalue

import (
	"bytes"
	"math"
	"strconv"
	"unsafe"
)

// fitsInteger reports whether an integer of 9 bytes or more, as text, is one of R's, whose smallest
// stands for NA.
func fitsInteger(digits []byte) bool {
	if len(digits) > 11 {
		return false
	}
	v := parseInteger(digits)
	return -math.MaxInt32 <= v && v <= math.MaxInt32
}

// parseInteger returns the value of an integer of at most 11 bytes.
func parseInteger(digits []byte) int64 {
	negative := digits[0] == '-'
	if negative {
		digits = digits[1:]
	}
	v := int64(0)
	for _, c := range digits {
		v = v*10 + int64(c-'0')
	}
	if negative {
		return -v
	}
	return v
}

// parseDouble returns the value of a number. It is infinite if the number is too large.
func parseDouble(number []byte) float64 {
	v, _ := strconv.ParseFloat(unsafe.String(&number[0], len(number)), 64) // out of range: infinite
	return v
}

// appendNumber appends a number among text as rscripts/json writes it.
func appendNumber(b []byte, number []byte) []byte {
	if !bytes.ContainsAny(number, ".eE") && fitsInteger(number) {
		return strconv.AppendInt(b, parseInteger(number), 10) // -0 is 0
	}
	return appendDouble(b, parseDouble(number))
}

// appendDouble appends v with 15 significant digits, or with all of a whole number up to 2^53.
func appendDouble(b []byte, v float64) []byte {
	if v == math.Trunc(v) && math.Abs(v) <= 1<<53 && (v != 0 || !math.Signbit(v)) {
		return strconv.AppendInt(b, int64(v), 10)
	}
	return appendG15(b, v)
}

// appendG15 appends v as C's format %.15g writes it.
func appendG15(b []byte, v float64) []byte {
	var scratch [32]byte
	e := strconv.AppendFloat(scratch[:0], v, 'e', 14, 64) // -d.dddddddddddddde±dd
	if v < 0 || e[0] == '-' {
		b, e = append(b, '-'), e[1:]
	}
	digits, exponent := e[:16], e[16:]
	x := parseInteger(bytes.TrimPrefix(exponent[1:], []byte("+")))
	if x < -4 || x >= 15 {
		return append(append(b, trimZeros(digits)...), exponent...)
	}
	if x < 0 {
		b = append(b, "0.000"[:1-x]...)
		b = append(append(b, digits[0]), digits[2:]...)
	} else {
		b = append(append(b, digits[0]), digits[2:2+x]...)
		b = append(append(b, '.'), digits[2+x:]...)
	}
	return trimZeros(b)
}

// trimZeros removes the zeros at the end of a fraction.
func trimZeros(fraction []byte) []byte {
	n := len(fraction)
	for fraction[n-1] == '0' {
		n--
	}
	if fraction[n-1] == '.' {
		n--
	}
	return fraction[:n]
}
