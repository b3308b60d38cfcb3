package chaos

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"lambda-r-runtime/emulator/faulty"
	"lambda-r-runtime/protocol/runtimeapi"
)

// apiFaults are the faults of the Runtime API on the first report of an invocation. The late ones
// let the report take effect, so that the caller has its answer and does not wait for the
// deadline.
var apiFaults = map[string]struct {
	op string
	faulty.Fault
}{
	"/response 400":                      {faulty.OpResponse, faulty.Fault{Status: 400, Late: true}},
	"/response 403":                      {faulty.OpResponse, faulty.Fault{Status: 403, Late: true}},
	"/response 410":                      {faulty.OpResponse, faulty.Fault{Status: 410, Late: true}},
	"/response 413":                      {faulty.OpResponse, faulty.Fault{Status: 413, Late: true}},
	"/response 500":                      {faulty.OpResponse, faulty.Fault{Status: 500, Late: true}},
	"/response 503":                      {faulty.OpResponse, faulty.Fault{Status: 503}},
	"/response reset before it is taken": {faulty.OpResponse, faulty.Fault{Reset: true}},
	"/response reset after it is taken":  {faulty.OpResponse, faulty.Fault{Reset: true, Late: true}},
	"/response slow":                     {faulty.OpResponse, faulty.Fault{Delay: 50 * time.Millisecond}},
	"/error 503":                         {faulty.OpError, faulty.Fault{Status: 503}},
	"/error reset before it is taken":    {faulty.OpError, faulty.Fault{Reset: true}},
	"/error reset after it is taken":     {faulty.OpError, faulty.Fault{Reset: true, Late: true}},
}

// nextFaults are the faults of a call of /next, and how many calls in a row have them: of all
// slots together, or of each slot.
var nextFaults = map[string]struct {
	faulty.Fault
	calls, each int
}{
	"/next resets":             {faulty.Fault{Reset: true}, 2, 0},
	"/next fails for a while":  {faulty.Fault{Reset: true}, 0, 4},
	"/next 503":                {faulty.Fault{Status: 503}, 2, 0},
	"/next cuts the event off": {faulty.Fault{CutOff: true}, 1, 0},
}

// answered reports whether a call with this status got an answer after which it must not be made
// again.
func answered(status int) bool {
	return status != 0 && !(&runtimeapi.StatusError{Status: status}).Temporary()
}

// fault implements faulty.Handler.Fault.
func (a *arena) fault(c faulty.Call) (f faulty.Fault) {
	a.Update(func() {
		if c.Op == faulty.OpNext {
			if a.nextSpoilt > 0 {
				a.nextSpoilt--
				f = a.nextFault
			}
			return
		}
		t := a.trip(c.RequestID)
		if spoil, ok := apiFaults[t.in.Fault]; ok && spoil.op == c.Op && len(t.reports) == 1 {
			f = spoil.Fault
			a.note(t.in, 0, time.Now())
		}
	})
	return f
}

// observe implements faulty.Handler.Observe.
func (a *arena) observe(c faulty.Call) {
	a.Update(func() {
		switch {
		case c.Op == faulty.OpInitError:
			a.violate(inv1, "an init error was reported, after the init")
		case c.Op == faulty.OpNext && c.Ended && c.RequestID != "":
			a.trip(c.RequestID).handed = true // even if the answer does not arrive
		case c.Op != faulty.OpResponse && c.Op != faulty.OpError:
		case !c.Ended:
			t := a.trip(c.RequestID)
			t.reports = append(t.reports, &report{op: c.Op, began: time.Now()})
		default:
			t := a.trip(c.RequestID)
			i := slices.IndexFunc(t.reports, func(r *report) bool { return r.op == c.Op && r.ended.IsZero() })
			t.reports[i].ended, t.reports[i].status = time.Now(), c.Status
		}
	})
}

// A lineLog is a slog.Handler that notes the lines that the fakes printed. It ignores attributes
// of the logger, such as the slot.
type lineLog struct{ a *arena }

func (l *lineLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }
func (l *lineLog) WithAttrs([]slog.Attr) slog.Handler               { return l }
func (l *lineLog) WithGroup(string) slog.Handler                    { return l }

func (l *lineLog) Handle(_ context.Context, r slog.Record) error {
	nonce, ours := strings.CutPrefix(r.Message, lineMark)
	if !ours {
		return nil
	}
	// Output without a newline before the line is appended to it.
	if i := strings.IndexFunc(nonce, func(r rune) bool { return r == ' ' || r > 'z' }); i >= 0 {
		nonce = nonce[:i]
	}
	var id, stream string
	r.Attrs(func(attr slog.Attr) bool {
		switch attr.Key {
		case "request_id":
			id = attr.Value.String()
		case "stream":
			stream = attr.Value.String()
		}
		return true
	})
	l.a.Update(func() {
		line := l.a.lines[nonce]
		if stream == "stdout" {
			line[0] = id
		} else {
			line[1] = id
		}
		l.a.lines[nonce] = line
	})
	return nil
}
