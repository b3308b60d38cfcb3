// Package machines tests bootstrap with installations of R and kernels that are unlike Debian's.
// Each is made of this machine in a mount namespace of its own, or behind a system call filter.
// The tests have the build tag machines: make test-machines runs them.
package machines
