// Package release tests what make release writes. The tests have the build tag release, because
// they build bootstrap four times: make test-release runs them.
package release
