package web

import (
	"bytes"
	"os"
	"strconv"
	"strings"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
)

// interruption returns the failure of an invocation that an interrupt has ended, with the stack that R has
// written down. Other servers than those of httpuv write none.
func (w *Worker) interruption() *protocol.HandlerError {
	text, _ := os.ReadFile(w.stackFile()) // see above
	return &protocol.HandlerError{Type: runtimeapi.ErrorInterrupted, Message: "the request was interrupted", Stack: parseStack(text)}
}

// parseStack reads a stack: one line for each call, outermost first, with call, file and line between
// tabulators.
func parseStack(text []byte) (stack []protocol.StackFrame) {
	for line := range bytes.Lines(text) {
		columns := strings.Split(strings.ToValidUTF8(strings.TrimSuffix(string(line), "\n"), "\uFFFD"), "\t")
		if len(columns) != 3 {
			continue // the interrupt of a kill came in between
		}
		number, _ := strconv.Atoi(columns[2]) // empty if R does not have the line
		stack = append(stack, protocol.StackFrame{Call: columns[0], File: columns[1], Line: number})
	}
	return stack
}
