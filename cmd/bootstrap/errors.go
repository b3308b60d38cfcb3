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

// errReported marks an error that was already printed or logged.
var errReported = errors.New("reported")

// describe formats an error for people: its type if it has one, its message, and R's
// traceback.
func describe(err error) string {
	r := fatalReport(err)
	return strings.Join(append([]string{r.Summary()}, r.Traceback()...), "\n")
}

// fatalReport returns err as a report for the log. Unlike the report to Lambda, it has the
// whole text of err.
func fatalReport(err error) *runtimeapi.ErrorReport {
	r := &runtimeapi.ErrorReport{}
	if handler, ok := errors.AsType[*protocol.HandlerError](err); ok {
		r = supervisor.HandlerReport(handler)
	}
	r.Type = supervisor.ErrorType(err)
	r.Message = strings.TrimPrefix(err.Error(), r.Type+": ")
	return r
}

// logFatal logs an error that ends the runtime, and returns it for main.
func logFatal(log *slog.Logger, err error) error {
	log.LogAttrs(context.Background(), protocol.LevelFatal, "fatal error, exiting", fatalReport(err).Attr())
	return errors.Join(errReported, err)
}
