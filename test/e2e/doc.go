// Package e2e tests bootstrap as its users see it: the built program, a real R, and the Runtime
// API and Invoke API of the emulator.
//
// The program is built once for each run, so that the tests see it as it is now. Run them with
// -count 1: go test cannot see that the program has changed.
package e2e
