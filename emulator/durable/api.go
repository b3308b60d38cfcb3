package durable

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	wire "lambda-r-runtime/durable"
	"lambda-r-runtime/emulator"
)

// The paths of the API begin with these.
const (
	pathExecutions = wire.PathExecutions
	pathCallbacks  = "/2025-12-01/durable-execution-callbacks/"
	pathFunctions  = "/2025-12-01/functions/"
)

// maxBody is the largest body of a call, in bytes.
const maxBody = 7 << 20

// Handler returns the API. Calls of Invoke start executions. All other requests go to next, and so do
// all if durable reports that the function is not durable.
func (b *Backend) Handler(next http.Handler, durable func(context.Context) bool) http.Handler {
	api := http.NewServeMux()
	api.HandleFunc("POST "+pathExecutions+"{arn}/checkpoint", b.ofExecution(b.handleCheckpoint))
	api.HandleFunc("GET "+pathExecutions+"{arn}/state", b.ofExecution(b.handleState))
	api.HandleFunc("GET "+pathExecutions+"{arn}/history", b.ofExecution(b.handleHistory))
	api.HandleFunc("POST "+pathExecutions+"{arn}/stop", b.ofExecution(b.handleStop))
	api.HandleFunc("POST "+pathExecutions+"{arn}/skip/{id}", b.ofExecution(b.handleSkip)) // not of AWS
	api.HandleFunc("GET "+pathExecutions+"{arn}", b.ofExecution(b.handleGet))
	api.HandleFunc("POST "+pathCallbacks+"{id}/succeed", b.handleSucceed)
	api.HandleFunc("POST "+pathCallbacks+"{id}/fail", b.handleFail)
	api.HandleFunc("POST "+pathCallbacks+"{id}/heartbeat", b.handleHeartbeat)
	api.HandleFunc("GET "+pathFunctions+"{name}/durable-executions", b.handleList)
	api.HandleFunc("GET "+strings.TrimSuffix(pathExecutions, "/"), b.handleList) // not of AWS: those of all functions
	invoke := http.NewServeMux()
	invoke.HandleFunc("POST /2015-03-31/functions/{name}/invocations", b.handleInvoke)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		isAPI := strings.HasPrefix(r.URL.Path, "/2025-12-01/")
		isInvoke := strings.HasPrefix(r.URL.Path, "/2015-03-31/functions/") && strings.HasSuffix(r.URL.Path, "/invocations")
		switch {
		case isAPI && durable(r.Context()):
			api.ServeHTTP(w, r)
		case isInvoke && durable(r.Context()):
			invoke.ServeHTTP(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// ofExecution returns the handler for a path with an ARN.
func (b *Backend) ofExecution(serve func(http.ResponseWriter, *http.Request, *execution)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		x := b.execution(r.PathValue("arn"))
		if x == nil {
			refuse(w, &refusal{404, "ResourceNotFoundException", "there is no durable execution with this ARN"})
			return
		}
		serve(w, r, x)
	}
}

func (b *Backend) handleCheckpoint(w http.ResponseWriter, r *http.Request, x *execution) {
	var request wire.CheckpointRequest
	if !readJSON(w, r, &request) {
		return
	}
	reply, refused := x.checkpoint(request)
	if refused != nil {
		refuse(w, refused)
		return
	}
	respond(w, reply)
}

func (b *Backend) handleState(w http.ResponseWriter, r *http.Request, x *execution) {
	query := r.URL.Query()
	x.mu.Lock()
	defer x.mu.Unlock()
	if refused := x.checkToken(query.Get("CheckpointToken")); refused != nil {
		refuse(w, refused)
		return
	}
	start, max, ok := paging(w, query, 100)
	if ok {
		respond(w, x.page(start, max))
	}
}

// paging returns the first item and how many of them a page has. It refuses what is not valid.
func paging(w http.ResponseWriter, query url.Values, most int) (start, max int, ok bool) {
	max = most
	var err1, err2 error
	if text := query.Get("Marker"); text != "" {
		start, err1 = strconv.Atoi(text)
	}
	if text := query.Get("MaxItems"); text != "" {
		max, err2 = strconv.Atoi(text)
	}
	if err1 != nil || err2 != nil || start < 0 || max < 0 || max > 1000 {
		refuse(w, invalid("Marker or MaxItems is not valid"))
		return 0, 0, false
	}
	return start, max, true
}

// respondPage sends the page of a list that a query asks for, under a key.
func respondPage(w http.ResponseWriter, query url.Values, most int, key string, list []map[string]any) {
	start, max, ok := paging(w, query, most)
	if !ok {
		return
	}
	if query.Get("ReverseOrder") == "true" {
		slices.Reverse(list)
	}
	reply := map[string]any{}
	list = list[min(start, len(list)):]
	if max > 0 && len(list) > max {
		list = list[:max]
		reply["NextMarker"] = strconv.Itoa(start + max)
	}
	reply[key] = list
	respond(w, reply)
}

func (b *Backend) handleHistory(w http.ResponseWriter, r *http.Request, x *execution) {
	query := r.URL.Query()
	x.mu.Lock()
	defer x.mu.Unlock()
	events := make([]map[string]any, len(x.Events))
	for i, e := range x.Events {
		events[i] = e.view(i+1, query.Get("IncludeExecutionData") == "true")
	}
	respondPage(w, query, 1000, "Events", events)
}

func (b *Backend) handleStop(w http.ResponseWriter, r *http.Request, x *execution) {
	var e wire.ErrorObject
	if !readJSON(w, r, &e) {
		return
	}
	x.stop(wire.StatusStopped, &e)
	x.mu.Lock()
	defer x.mu.Unlock()
	respond(w, map[string]any{"StopTimestamp": wire.At(x.End)})
}

func (b *Backend) handleSkip(w http.ResponseWriter, r *http.Request, x *execution) {
	if refused := x.skip(r.PathValue("id")); refused != nil {
		refuse(w, refused)
		return
	}
	w.WriteHeader(http.StatusOK)
}

func (b *Backend) handleGet(w http.ResponseWriter, _ *http.Request, x *execution) {
	x.mu.Lock()
	defer x.mu.Unlock()
	view := x.summary()
	view["InputPayload"], view["Version"] = x.Input, "$LATEST"
	if x.Result != nil && x.ended() {
		view["Result"] = *x.Result
	}
	if x.Error != nil && x.ended() {
		view["Error"] = x.Error
	}
	respond(w, view)
}

// summary returns what the list of executions has of one. The lock is held.
func (x *execution) summary() map[string]any {
	view := map[string]any{
		"DurableExecutionArn": x.ARN, "DurableExecutionName": x.Name, "Status": x.Status,
		"FunctionArn": x.backend.config.Prefix + x.Function, "StartTimestamp": wire.At(x.Start),
	}
	if !x.End.IsZero() {
		view["EndTimestamp"] = wire.At(x.End)
	}
	return view
}

// handleList lists the executions of a function, or of all if the path names none.
func (b *Backend) handleList(w http.ResponseWriter, r *http.Request) {
	query, list := r.URL.Query(), []map[string]any{}
	name := emulator.FunctionName(r.PathValue("name"))
	for _, x := range b.all() {
		x.mu.Lock()
		statuses := query["Statuses"]
		if (x.Function == name || name == "") && (len(statuses) == 0 || slices.Contains(statuses, x.Status)) {
			list = append(list, x.summary())
		}
		x.mu.Unlock()
	}
	respondPage(w, query, 100, "DurableExecutions", list)
}

func (b *Backend) handleSucceed(w http.ResponseWriter, r *http.Request) {
	body, ok := readBody(w, r)
	if !ok {
		return
	}
	text := string(body)
	var result *string
	if len(body) > 0 {
		result = &text
	}
	answerCallback(w, b.answer(r.PathValue("id"), result, nil))
}

func (b *Backend) handleFail(w http.ResponseWriter, r *http.Request) {
	e := &wire.ErrorObject{}
	if !readJSON(w, r, e) {
		return
	}
	answerCallback(w, b.answer(r.PathValue("id"), nil, e))
}

func (b *Backend) handleHeartbeat(w http.ResponseWriter, r *http.Request) {
	answerCallback(w, b.heartbeat(r.PathValue("id")))
}

func answerCallback(w http.ResponseWriter, refused *refusal) {
	if refused != nil {
		refuse(w, refused)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// handleInvoke starts an execution, and waits for its end unless the call is asynchronous.
func (b *Backend) handleInvoke(w http.ResponseWriter, r *http.Request) {
	input, ok := readBody(w, r)
	if !ok {
		return
	}
	if len(input) == 0 {
		input = []byte("{}")
	}
	kind := r.Header.Get("X-Amz-Invocation-Type")
	if kind == "DryRun" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	x, err := b.start(emulator.FunctionName(r.PathValue("name")), r.Header.Get("X-Amz-Durable-Execution-Name"), input, 0)
	switch {
	case errors.Is(err, errAlreadyStarted):
		refuse(w, &refusal{409, "DurableExecutionAlreadyStartedException", err.Error()})
		return
	case err != nil:
		refuse(w, invalid("%v", err))
		return
	}
	h := w.Header()
	h.Set("X-Amz-Durable-Execution-Arn", x.ARN)
	h.Set("X-Amz-Executed-Version", "$LATEST")
	h.Set("X-Amzn-Requestid", x.ID)
	if kind == "Event" {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	if err := b.await(r.Context(), x); err != nil { // a caller that has left needs no answer
		refuse(w, &refusal{503, "ServiceException", err.Error()})
		return
	}
	result := x.result()
	h.Set("Content-Type", "application/json")
	if result.FunctionError {
		h.Set("X-Amz-Function-Error", "Unhandled")
	}
	_, _ = w.Write(result.Body) // a caller that has left needs no answer
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		refuse(w, &refusal{413, "RequestTooLargeException", "the body could not be read, or is too large"})
		return nil, false
	}
	return body, true
}

func readJSON(w http.ResponseWriter, r *http.Request, v any) bool {
	body, ok := readBody(w, r)
	if !ok {
		return false
	}
	if len(body) == 0 {
		return true
	}
	if err := json.Unmarshal(body, v); err != nil {
		refuse(w, &refusal{400, "InvalidRequestContentException", "the body is not valid: " + err.Error()})
		return false
	}
	return true
}

func respond(w http.ResponseWriter, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and numbers cannot fail
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // a caller that has left needs no answer
}

func refuse(w http.ResponseWriter, r *refusal) {
	emulator.WriteException(w, r.status, r.code, r.message)
}
