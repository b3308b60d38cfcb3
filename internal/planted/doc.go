// Package planted holds the switches of bugs that were thought of beforehand, so
// that the chaos suite can be shown to find each of them. Without the build tag
// planted they are off, and compiled away.
package planted

// The bugs.
const (
	IDCheckDropped = "id check dropped"
	Resent         = "invocation resent after a crash"
	OnlyPidKilled  = "only the pid killed"
)
