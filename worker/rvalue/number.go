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

// appendNumber appends a number among text as rscripts/json writes it: with 15 significant digits,
// or with all of a whole number up to 2^53.
func appendNumber(b []byte, number []byte) []byte {
	v := parseDouble(number)
	if !bytes.ContainsAny(number, ".eE") && fitsInteger(number) {
		return strconv.AppendInt(b, parseInteger(number), 10) // -0 is 0
	}
	if abs := math.Abs(v); abs >= 1e15 && abs <= 1<<53 && v == math.Trunc(v) {
		return strconv.AppendFloat(b, v, 'f', 0, 64)
	}
	return appendG15(b, v)
}

// appendG15 appends v as C's format %.15g writes it.
func appendG15(b []byte, v float64) []byte {
	var scratch [32]byte
	e := strconv.AppendFloat(scratch[:0], v, 'e', 14, 64) // -d.dddddddddddddde±dd
	mark := bytes.LastIndexByte(e, 'e')
	exponent, _ := strconv.Atoi(string(e[mark+1:])) // written above
	if exponent < -4 || exponent >= 15 {
		return append(append(b, trimZeros(e[:mark])...), e[mark:]...)
	}
	f := strconv.AppendFloat(scratch[:0], v, 'f', 14-exponent, 64)
	return append(b, trimZeros(f)...)
}

// trimZeros removes the zeros at the end of a fraction.
func trimZeros(digits []byte) []byte {
	if bytes.IndexByte(digits, '.') < 0 {
		return digits
	}
	return bytes.TrimSuffix(bytes.TrimRight(digits, "0"), []byte("."))
}
