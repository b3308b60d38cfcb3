package doctor

import (
	"fmt"
	"strings"
)

// A Level is how bad a finding is.
type Level int

// The levels of findings.
const (
	OK   Level = iota
	Warn       // may cause trouble
	Fail       // keeps functions from working
)

// A Finding is one line of the examination.
type Finding struct {
	Level   Level
	Subject string // a word or two
	Text    string // what was found and how to fix it; further lines are R's
}

// String returns the finding as one line that begins with ok, warn or fail. Further lines of
// the text are indented.
func (f Finding) String() string {
	level := [...]string{OK: "ok", Warn: "warn", Fail: "fail"}[f.Level]
	return fmt.Sprintf("%-5s %s: %s", level, f.Subject, strings.ReplaceAll(f.Text, "\n", "\n        "))
}
