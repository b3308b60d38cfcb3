package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/protocol/runtimeapi"
	"lambda-r-runtime/supervisor"
)

// errReported wraps an error that the log has already.
var errReported = errors.New("reported")

// describe is an error for people: its type where it has one, its message, and R's
// traceback.
func describe(err error) string {
	r := fatalReport(err)
	return strings.Join(append([]string{r.Summary()}, r.Traceback()...), "\n")
}

// fatalReport returns err as the log has it: with all of its text, its type where it has
// one, and what R said of an error of its own.
func fatalReport(err error) *runtimeapi.ErrorReport {
	r := &runtimeapi.ErrorReport{}
	if handler, ok := errors.AsType[*protocol.HandlerError](err); ok {
		r = supervisor.HandlerReport(handler)
	}
	r.Type = supervisor.ErrorType(err)
	r.Message = strings.TrimPrefix(err.Error(), r.Type+": ")
	return r
}

// logFatal logs what ends the runtime and returns the error for main.
func logFatal(log *slog.Logger, err error) error {
	log.Log(context.Background(), levelFatal, "the runtime ends", slog.Any("", fatalReport(err)))
	return errors.Join(errReported, err)
}
