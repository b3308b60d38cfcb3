package durable

import (
	"fmt"
	"regexp"
	"strings"

	wire "lambda-r-runtime/durable"
)

var validID = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

// actions are the actions of each type of operation.
var actions = map[string][]string{
	wire.TypeStep:          {wire.ActionStart, wire.ActionSucceed, wire.ActionFail, wire.ActionRetry},
	wire.TypeContext:       {wire.ActionStart, wire.ActionSucceed, wire.ActionFail},
	wire.TypeWait:          {wire.ActionStart, wire.ActionCancel},
	wire.TypeCallback:      {wire.ActionStart},
	wire.TypeChainedInvoke: {wire.ActionStart, wire.ActionCancel},
	wire.TypeExecution:     {wire.ActionSucceed, wire.ActionFail},
}

// validate refuses a batch as a whole if one of its updates is not valid. The lock is held.
func (x *execution) validate(batch []wire.Update) *refusal {
	status := map[string]string{} // of the operations of this batch
	kinds := map[string]string{}
	starts := 0
	for i := range batch {
		u := &batch[i]
		if refused := checkUpdate(u); refused != nil {
			return refused
		}
		if u.Type == wire.TypeExecution {
			if i != len(batch)-1 {
				return invalid("the update of the EXECUTION must be the last one")
			}
			continue
		}
		before, known := status[u.ID]
		if r := x.byID[u.ID]; !known && r != nil {
			before = r.Operation.Status
		}
		if known && (before != wire.StatusStarted || u.Action == wire.ActionStart || u.Type != wire.TypeStep && u.Type != wire.TypeContext) {
			return invalid("operation %s is updated twice in one checkpoint", u.ID)
		}
		if refused := x.checkSame(u, kinds[u.ID]); refused != nil {
			return refused
		}
		if refused := checkTransition(u, before); refused != nil {
			return refused
		}
		if u.ParentID != "" && !x.isOpenContext(u.ParentID, status, kinds) {
			return invalid("operation %s: its parent %.64q is not a CONTEXT that has started", u.ID, u.ParentID)
		}
		if x.byID[u.ID] == nil && !known {
			starts++
		}
		status[u.ID], kinds[u.ID] = after(u), kind(u)
	}
	if len(x.Records)+starts > wire.MaxOperations {
		return invalid("an execution has at most %d operations", wire.MaxOperations)
	}
	return nil
}

// kind returns what of an operation may not change.
func kind(u *wire.Update) string {
	return strings.Join([]string{u.Type, u.SubType, u.Name, u.ParentID}, "\x00")
}

func after(u *wire.Update) string {
	switch u.Action {
	case wire.ActionStart:
		return wire.StatusStarted
	case wire.ActionRetry:
		return wire.StatusPending
	}
	return wire.StatusSucceeded
}

func (x *execution) checkSame(u *wire.Update, before string) *refusal {
	if r := x.byID[u.ID]; r != nil {
		o := r.Operation
		before = kind(&wire.Update{Type: o.Type, SubType: o.SubType, Name: o.Name, ParentID: o.ParentID})
	}
	if before != "" && before != kind(u) {
		return invalid("operation %s: its type, subtype, name and parent must not change", u.ID)
	}
	return nil
}

// isOpenContext reports whether id is a CONTEXT that has started and not ended.
func (x *execution) isOpenContext(id string, status, kinds map[string]string) bool {
	if s, ok := status[id]; ok {
		return s == wire.StatusStarted && strings.HasPrefix(kinds[id], wire.TypeContext+"\x00")
	}
	r := x.byID[id]
	return r != nil && r.Operation.Type == wire.TypeContext && r.Operation.Status == wire.StatusStarted
}

// checkTransition refuses an action that an operation with the status before, "" if it is new, cannot
// have.
func checkTransition(u *wire.Update, before string) *refusal {
	ok := false
	switch u.Action {
	case wire.ActionStart:
		ok = before == "" || u.Type == wire.TypeStep && before == wire.StatusReady
	case wire.ActionCancel:
		ok = before == wire.StatusStarted
	default:
		ok = before == wire.StatusStarted || before == "" || u.Type == wire.TypeStep && before == wire.StatusReady
	}
	if !ok {
		return invalid("operation %s: %s is not possible in the status %s", u.ID, u.Action, before)
	}
	return nil
}

// checkUpdate refuses an update that is wrong by itself.
func checkUpdate(u *wire.Update) *refusal {
	known := false
	for _, action := range actions[u.Type] {
		known = known || action == u.Action
	}
	size := 0
	if u.Payload != nil {
		size = len(*u.Payload)
	}
	wrong := ""
	switch {
	case !known:
		wrong = fmt.Sprintf("the action %.20q of the type %.20q does not exist", u.Action, u.Type)
	case u.Type == wire.TypeExecution:
		return nil
	case !validID.MatchString(u.ID):
		wrong = "ids have 1 to 64 letters, digits, hyphens and underscores"
	case !wire.ValidName(u.Name):
		wrong = "names have 1 to 256 printable ASCII characters"
	case size > wire.MaxPayload:
		wrong = fmt.Sprintf("Payload size %d exceeds the limit of %d bytes", size, wire.MaxPayload)
	case u.Action == wire.ActionFail && u.Payload != nil:
		wrong = "FAIL takes no Payload"
	case u.Action == wire.ActionSucceed && u.Error != nil:
		wrong = "SUCCEED takes no Error"
	case u.Action == wire.ActionRetry && (u.StepOptions == nil || u.StepOptions.NextAttemptDelaySeconds < 1):
		wrong = "RETRY needs StepOptions with a NextAttemptDelaySeconds of at least 1"
	case u.Action == wire.ActionRetry && (u.Error != nil) == (u.Payload != nil):
		wrong = "RETRY needs an Error or a Payload"
	case u.Type == wire.TypeWait && u.Action == wire.ActionStart &&
		(u.WaitOptions == nil || u.WaitOptions.WaitSeconds < wire.MinWait || u.WaitOptions.WaitSeconds > wire.MaxWait):
		wrong = "WaitSeconds must be from 1 to 31622400"
	case u.Type == wire.TypeChainedInvoke && u.Action == wire.ActionStart &&
		(u.ChainedInvokeOptions == nil || u.ChainedInvokeOptions.FunctionName == ""):
		wrong = "CHAINED_INVOKE needs a FunctionName"
	}
	if wrong != "" {
		return invalid("operation %.64q: %s", u.ID, wrong)
	}
	return nil
}
