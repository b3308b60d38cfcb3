package runtimeapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of an error report, in bytes. AWS's own emulator fails on bodies of some MiB.
const (
	maxErrorBody = 256 << 10
	maxShortBody = 2816

	// AWS's Go client sends causes shorter than 1 MiB. With the other headers that is just below
	// what Go's HTTP server accepts, 1 MiB and 4 KiB; it answers a longer header with 431.
	maxXRayCause = 1<<20 - 1
	// X-Ray's documents have at most 64 KB, so Lambda shortens a longer cause: it removes whole
	// exceptions from its end. An exception that is too long by itself would be lost.
	maxXRayException = 60 << 10
)

// An ErrorReport is the reason why an invocation or the init failed.
type ErrorReport struct {
	Type    string // an R class, or a name that matches Lambda's pattern
	Message string
	Call    string         // the call that signalled it, or ""
	Stack   []StackFrame   // outermost call first
	Causes  []*ErrorReport // the nearest first
}

// StackFrame is one call of a stack trace.
type StackFrame struct {
	Label string // the call
	Path  string // the file, or ""
	Line  int    // 0 if unknown
}

func (f StackFrame) String() string {
	if f.Path == "" {
		return f.Label
	}
	return fmt.Sprintf("%s (%s:%d)", f.Label, f.Path, f.Line)
}

// Body returns the report as Lambda's error JSON. To keep it within 256 KiB, the message and
// then the stack are shortened.
func (r *ErrorReport) Body() []byte { return r.body(maxErrorBody, 1<<10) }

// ShortBody returns the same, short enough for the trailers of a stream: its base64 and
// HeaderType fit into 4 KiB. Go's net/http, which the Runtime API is said to be built on,
// fails on longer trailers, and the stream fails with them.
func (r *ErrorReport) ShortBody() []byte { return r.body(maxShortBody, 100) }

func (r *ErrorReport) body(limit, maxType int) []byte {
	body := struct {
		Message string   `json:"errorMessage"`
		Type    string   `json:"errorType"`
		Stack   []string `json:"stackTrace"`
	}{r.Message, truncate(r.Type, maxType), r.StackTrace()}
	return fit(limit, encode, func() any { return body }, &body.Message, &body.Stack)
}

// XRayCause returns the report as the JSON of the X-Ray cause header, in ASCII and shorter than
// 1 MiB: the error's exception, cut to 60 KiB, and one for each cause as far as they fit.
func (r *ErrorReport) XRayCause() string {
	type frame struct {
		Path  string `json:"path"`
		Line  int    `json:"line"`
		Label string `json:"label"`
	}
	type exception struct {
		Type    string  `json:"type"`
		Message string  `json:"message"`
		Stack   []frame `json:"stack"`
	}
	newException := func(e *ErrorReport, maxMessage int) exception {
		stack := make([]frame, 0, len(e.Stack))
		for _, f := range e.Stack {
			stack = append(stack, frame{f.Path, f.Line, f.Label})
		}
		return exception{truncate(e.Type, 1<<10), truncate(e.Message, maxMessage), stack}
	}
	dir, _ := os.Getwd() // a cause without a directory is still a cause
	cause := struct {
		WorkingDirectory string      `json:"working_directory"`
		Exceptions       []exception `json:"exceptions"`
		Paths            []string    `json:"paths"`
	}{dir, []exception{newException(r, maxXRayException/2)}, []string{}}
	withPaths := func() any { // the paths of the remaining frames
		cause.Paths = cause.Paths[:0]
		for _, e := range cause.Exceptions {
			for _, f := range e.Stack {
				if f.Path != "" && !slices.Contains(cause.Paths, f.Path) {
					cause.Paths = append(cause.Paths, f.Path)
				}
			}
		}
		return cause
	}
	own := &cause.Exceptions[0]
	text := fit(maxXRayException, encodeASCII, withPaths, &own.Message, &own.Stack)
	for _, e := range r.Causes {
		cause.Exceptions = append(cause.Exceptions, newException(e, maxCauseMessage))
		longer := encodeASCII(withPaths())
		if len(longer) > maxXRayCause {
			break
		}
		text = longer
	}
	return string(text)
}

// fit encodes value(), and shortens its message and stack until the result has at most limit
// bytes: the message to half of that, then the stack, which keeps its inner end, where the
// error was.
func fit[F any](limit int, encode func(any) []byte, value func() any, message *string, stack *[]F) []byte {
	*message = truncate(*message, limit/2)
	for len(encode(*message)) > limit/2 { // JSON escapes make it longer
		*message = truncate(*message, len(*message)/2)
	}
	for {
		b := encode(value())
		switch {
		case len(b) <= limit:
			return b
		case len(*stack) == 0:
			return b // the message has half of the limit, and the other fields are short
		default:
			*stack = (*stack)[(len(*stack)+1)/2:]
		}
	}
}

// encode returns v as JSON, without escaping <, > and &.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		// The reports have strings and integers only, which can always be encoded.
		panic(err)
	}
	return bytes.TrimSpace(b.Bytes())
}

// truncate shortens s to at most n bytes, at a character's boundary.
func truncate(s string, n int) string {
	const mark = " … (cut)"
	if len(s) <= n {
		return s
	}
	s = s[:max(0, n-len(mark))]
	for len(s) > 0 {
		if r, size := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || size != 1 {
			break
		}
		s = s[:len(s)-1]
	}
	return s + mark
}

// encodeASCII returns v as JSON in printable ASCII: net/http refuses anything else in a
// header, even DEL.
func encodeASCII(v any) []byte {
	text := string(encode(v))
	out := make([]byte, 0, len(text))
	for _, r := range text {
		switch {
		case r < 0x7f:
			out = append(out, byte(r))
		case r <= 0xffff:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
		}
	}
	return out
}

var lambdaErrorType = regexp.MustCompile(`^(Runtime|Function)\.[A-Z][a-zA-Z]+$`)

// HeaderType returns the report's type for the error type header: (Runtime|Function).Name.
// Lambda turns anything else into Runtime.Unknown, so the R class http_error is sent as
// Function.HttpError.
func (r *ErrorReport) HeaderType() string {
	if len(r.Type) <= 100 && lambdaErrorType.MatchString(r.Type) {
		return r.Type
	}
	var name strings.Builder
	upper := true
	for _, c := range r.Type {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if letter && upper {
			name.WriteString(strings.ToUpper(string(c)))
		} else if letter {
			name.WriteRune(c)
		}
		upper = !letter
		if name.Len() >= 100 {
			break
		}
	}
	if name.Len() < 2 {
		return ErrorFunction
	}
	return "Function." + name.String()
}
