package protocol

import (
	"encoding/json"
)

// Record is one log record that R code made: a warning, a message, or a call of lambda_log() or
// log_metric().
type Record struct {
	ID      string `json:"id"`    // the invocation, "" for init and shutdown
	Level   string `json:"level"` // trace, debug, info, warn, error or fatal
	Message string `json:"message"`
	Call    string `json:"call"` // the R call that it came from, or ""

	Fields map[string]json.RawMessage `json:"fields"` // the named arguments of lambda_log()
	Load   *TimedLoad                 `json:"load"`   // only in the records that Hello.Timing asks for

	// Line, if not nil, is a JSON object that goes to the log as it is, instead of all else.
	Line json.RawMessage `json:"line,omitempty"`
}

// ParseRecord parses the JSON of a record.
func ParseRecord(body []byte) (Record, error) {
	var r Record
	err := json.Unmarshal(body, &r)
	return r, err
}

// A TimedLoad is how long a call of library(), source() or a similar function took while
// the handler was loaded.
type TimedLoad struct {
	Ms float64 `json:"ms"`
	At string  `json:"at"` // file:line, or ""
}
