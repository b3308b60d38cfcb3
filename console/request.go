package console

import (
	"regexp"
	"strconv"

	"lambda-r-runtime/httpevent"
)

// maxRequest is the length to which the text of a request is shortened, in bytes.
const maxRequest = 200

// requestOf returns the method and the path of an event that is an HTTP request, or "".
func requestOf(event []byte) string {
	e, err := httpevent.Parse(event)
	if err != nil {
		return ""
	}
	text := e.Method + " " + e.Path
	return text[:min(len(text), maxRequest)] // ASCII
}

// statusCode matches the status at the beginning of a result or of a prelude. Results are large, so no
// more is looked at.
var statusCode = regexp.MustCompile(`^\s*\{\s*"statusCode"\s*:\s*(\d{3})\b`)

// statusOf returns the status of an HTTP response, or 0.
func statusOf(result []byte) int {
	match := statusCode.FindSubmatch(result[:min(len(result), 100)])
	if match == nil {
		return 0
	}
	status, _ := strconv.Atoi(string(match[1])) // digits
	return status
}
