package main

import (
	"errors"
	"log/slog"
	"strings"

	"lambda-r-runtime/protocol"
)

// errReported wraps an error that the log has already.
var errReported = errors.New("reported")

// describe is an error for people: its type where it has one, its message, and the
// R stack.
func describe(err error) string {
	text := err.Error()
	if typed, ok := errors.AsType[interface {
		error
		ErrorType() string
	}](err); ok && !strings.HasPrefix(text, typed.ErrorType()) {
		text = typed.ErrorType() + ": " + text
	}
	for _, frame := range rStack(err) {
		text += "\n  at " + frame
	}
	return text
}

// rStack returns the R stack that err carries, innermost call first.
func rStack(err error) []string {
	handler, ok := errors.AsType[*protocol.HandlerError](err)
	if !ok {
		return nil
	}
	frames := make([]string, 0, len(handler.Stack))
	for i := len(handler.Stack) - 1; i >= 0; i-- {
		frames = append(frames, handler.Stack[i].String())
	}
	return frames
}

// logFatal logs what ends the runtime and returns the error for main.
func logFatal(log *slog.Logger, err error) error {
	log.Error("the runtime ends: " + describe(err))
	return errors.Join(errReported, err)
}
