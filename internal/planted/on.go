//go:build planted

package planted

import "os"

// Bug reports whether the bug of that name is planted: PLANTED_BUG names it.
func Bug(name string) bool { return os.Getenv("PLANTED_BUG") == name }
