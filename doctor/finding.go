package doctor

import (
	"fmt"
	"strings"
)

// A Level says how bad a finding is.
type Level int

// The levels. Fail is what keeps a function from working.
const (
	OK Level = iota
	Warn
	Fail
)

// A Finding is one line of the examination.
type Finding struct {
	Level   Level
	Subject string // a word or two
	Text    string // what was found and, unless it is fine, what to do; further lines are R's
}

// String returns the finding as it is printed: ok, warn or fail, the subject and the text.
func (f Finding) String() string {
	level := [...]string{OK: "ok", Warn: "warn", Fail: "fail"}[f.Level]
	return fmt.Sprintf("%-5s %s: %s", level, f.Subject, strings.ReplaceAll(f.Text, "\n", "\n        "))
}
