//go:build !race

package lambda

// RaceFlags are the flags of go build with which a program has the race detector if its test has.
var RaceFlags []string
