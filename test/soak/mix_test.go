package soak

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream/eventstreamapi"

	"lambda-r-runtime/test/kit/lambda"
	"lambda-r-runtime/test/kit/proc"
)

// A kind of invocation, and how often it is made. call returns an error if the answer is wrong.
// The nonce is in the event and in the right answer, so that no answer fits another event.
type kind struct {
	name   string
	weight float64
	call   func(a *arena, nonce string) error
}

// steady are the kinds that cost no worker.
var steady = []kind{
	{"echo", 50, echo},
	{"big event", 1, func(a *arena, nonce string) error {
		text := strings.Repeat("é", 100_000)
		return want(http.StatusOK, nonce, text)(a.invoke(event("big", nonce, `"text": "`+text+`"`)))
	}},
	{"data frame", 6, func(a *arena, nonce string) error {
		rows := make([]string, 50)
		for i := range rows {
			rows[i] = fmt.Sprintf(`{"x": %d, "y": "%d"}`, 97*i%50, i)
		}
		return want(http.StatusOK, `{"x":0,"y":"0","nonce":"`+nonce)(a.invoke(event("rows", nonce, `"rows": [`+strings.Join(rows, ",")+`]`)))
	}},
	{"error", 8, func(a *arena, nonce string) error {
		return want(http.StatusOK, `"errorType":"soaked"`, nonce)(a.invoke(event("stop", nonce)))
	}},
	{"log", 5, func(a *arena, nonce string) error {
		return want(http.StatusOK, nonce)(a.invoke(event("warn", nonce)))
	}},
	{"result that is not JSON", 3, fails("unencodable", "Runtime.MarshalError")},
	{"event that is not JSON", 2, func(a *arena, nonce string) error {
		return want(http.StatusOK, `"errorType":"Runtime.`)(a.invoke(`{"what": "echo", "nonce": ` + nonce))
	}},
	{"large event that is not JSON", 0.3, func(a *arena, nonce string) error {
		return want(http.StatusOK, `"errorType":"Runtime.UnmarshalError"`)(a.invoke("[" + strings.Repeat(`"abcdef",`, 20_000) + nonce))
	}},
	{"event that is a format", 1, func(a *arena, nonce string) error {
		return want(http.StatusOK, `"errorType":"Runtime.UnmarshalError"`, nonce)(a.invoke("%s%x%n " + nonce))
	}},
	{"web page", 1, func(a *arena, nonce string) error {
		return want(http.StatusForbidden)(a.invoke(event("echo", nonce), "Origin", "https://evil.example"))
	}},
	{"stranger at the Runtime API", 1, func(a *arena, nonce string) error {
		return want(http.StatusOK, nonce)(a.request(http.MethodGet, "/2018-06-01/runtime/invocation/next?what=echo&nonce="+nonce, ""))
	}},
	{"deep event", 0.2, func(a *arena, nonce string) error {
		return want(http.StatusOK, `"errorType":"Runtime.`)(a.invoke(strings.Repeat("[", 2_000) + strings.Repeat("]", 2_000)))
	}},
	{"client context", 3, func(a *arena, nonce string) error {
		context := base64.StdEncoding.EncodeToString([]byte(`{"custom": {"nonce": "` + nonce + `"}}`))
		return want(http.StatusOK, nonce)(a.invoke(event("context", "none"), "X-Amz-Client-Context", context))
	}},
	{"client context that is not JSON", 2, func(a *arena, nonce string) error {
		return want(http.StatusBadRequest, "X-Amz-Client-Context")(a.invoke(event("echo", nonce), "X-Amz-Client-Context", "bm90IEpTT04="))
	}},
	{"Event", 2, func(a *arena, nonce string) error {
		return want(http.StatusAccepted)(a.invoke(event("echo", nonce), "X-Amz-Invocation-Type", "Event"))
	}},
	{"DryRun", 1, func(a *arena, nonce string) error {
		return want(http.StatusNoContent)(a.invoke(event("echo", nonce), "X-Amz-Invocation-Type", "DryRun"))
	}},
	{"event that is too large", 0.05, func(a *arena, nonce string) error {
		return want(http.StatusRequestEntityTooLarge)(a.invoke(`"` + strings.Repeat("x", 6<<20) + `"`))
	}},
	{"HTTP", 6, func(a *arena, nonce string) error {
		return want(http.StatusOK, nonce)(a.get("page", nonce))
	}},
	{"HTTP with a body", 2, func(a *arena, nonce string) error {
		return want(http.StatusOK, nonce)(a.request(http.MethodPost, "/?what=echo&nonce="+nonce, "\x00\xff"))
	}},
	{"HTTP error", 2, func(a *arena, nonce string) error {
		return want(http.StatusInternalServerError)(a.get("stop", nonce))
	}},
	{"stop_html", 1, func(a *arena, nonce string) error {
		return want(http.StatusNotFound, nonce)(a.get("not_found", nonce))
	}},
	{"plot", 0.3, func(a *arena, nonce string) error {
		return want(http.StatusOK, "\x89PNG")(a.get("png", nonce))
	}},
	{"stream to the SDK", 3, func(a *arena, nonce string) error {
		return a.stream("stream", nonce, nonce+nonce, "")
	}},
	{"broken stream to the SDK", 1, func(a *arena, nonce string) error {
		return a.stream("broken_stream", nonce, nonce, "Function.SimpleError")
	}},
	{"HTTP stream", 2, func(a *arena, nonce string) error {
		return want(http.StatusOK, nonce+nonce)(a.get("stream", nonce))
	}},
	{"broken HTTP stream", 1, func(a *arena, nonce string) error {
		_, err := a.get("broken_stream", nonce)
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("the stream ended with %v, want an unexpected EOF", err)
		}
		return nil
	}},
}

// stormy are the kinds that break a worker, cost time, or have callers that leave.
var stormy = []kind{
	{"recursion", 0.5, fails("recursion", "")},
	{"too much memory", 1, fails("too_much", "")},
	{"forks", 1, func(a *arena, nonce string) error {
		return want(http.StatusOK, nonce, `"children":2`)(a.invoke(event("forks", nonce)))
	}},
	{"caller leaves", 4, func(a *arena, nonce string) error { return a.leave("wait") }},
	{"caller leaves a stream", 3, func(a *arena, nonce string) error { return a.leave("endless") }},
	{"quit", 1, fails("quit", "Runtime.WorkerCrashed")},
	{"SIGKILL", 1, fails("sigkill", "Runtime.WorkerCrashed")},
	{"segfault", 0.5, fails("segfault", "Runtime.WorkerCrashed")},
	{"children", 0.5, fails("family", "Runtime.WorkerCrashed")},
	{"garbage", 0.5, fails("garbage", "Runtime.ProtocolError")},
	{"closed pipes", 0.3, func(a *arena, nonce string) error { return want(http.StatusOK)(a.invoke(event("closed", nonce))) }},
	{"SIGSTOP", 0.1, fails("freeze", "Runtime.InvocationTimeout")},
	{"loop", 0.1, fails("spin", "Runtime.InvocationTimeout")},
	{"loop that ignores interrupts", 0.1, fails("stubborn", "Runtime.InvocationTimeout")},
}

// forked are the kinds that break the template of forked workers, or the watchdog.
var forked = []kind{
	{"template SIGKILL", 0.3, func(a *arena, nonce string) error {
		return want(http.StatusOK, nonce)(a.invoke(event("orphan", nonce)))
	}},
	{"watchdog SIGKILL", 0.3, func(a *arena, nonce string) error {
		proc.KillAll(proc.Watchdogs(a.program.Cmd.Process.Pid))
		return echo(a, nonce)
	}},
}

func echo(a *arena, nonce string) error {
	return want(http.StatusOK, `{"nonce":"`+nonce+`"}`)(a.invoke(event("echo", nonce)))
}

// fails returns a call that must fail with the error type, or with any if that is "".
func fails(what, errorType string) func(a *arena, nonce string) error {
	return func(a *arena, nonce string) error {
		return want(http.StatusOK, `"errorType":"`+errorType)(a.invoke(event(what, nonce)))
	}
}

// event returns the event for do_WHAT of soak.R, with more members in JSON.
func event(what, nonce string, more ...string) string {
	return fmt.Sprintf("{%s}", strings.Join(append([]string{`"what": "` + what + `"`, `"nonce": "` + nonce + `"`}, more...), ", "))
}

// want returns a check of an answer: its status, and what its body has in it.
func want(status int, parts ...string) func(lambda.Answer, error) error {
	return func(got lambda.Answer, err error) error {
		if err != nil {
			return err
		}
		for _, part := range parts {
			if got.Status == status && strings.Contains(got.Body, part) {
				continue
			}
			return fmt.Errorf("got status %d, %.500q; want %d with %.100q", got.Status, got.Body, status, part)
		}
		if got.Status != status {
			return fmt.Errorf("got status %d, %.500q; want %d", got.Status, got.Body, status)
		}
		return nil
	}
}

// get makes an HTTP request to the function.
func (a *arena) get(what, nonce string) (lambda.Answer, error) {
	return a.request(http.MethodGet, "/?what="+what+"&nonce="+nonce, "")
}

// leave invokes the function and does not wait for the answer.
func (a *arena) leave(what string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err := lambda.Request(ctx, http.MethodGet, a.url+"/?nonce=none&what="+what, "")
	if !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the answer came within 20 ms, %v", err)
	}
	return nil
}

// stream invokes the function with InvokeWithResponseStream.
func (a *arena) stream(what, nonce, body, errorCode string) error {
	answer, err := a.request(http.MethodPost, "/2021-11-15/functions/function/response-streaming-invocations", event(what, nonce))
	if err != nil {
		return err
	}
	var got strings.Builder
	for events, decoder := strings.NewReader(answer.Body), eventstream.NewDecoder(); ; {
		message, err := decoder.Decode(events, nil)
		if err != nil {
			return fmt.Errorf("the stream is not complete: %w: %.500q", err, answer.Body)
		}
		if message.Headers.Get(eventstreamapi.EventTypeHeader).String() != "InvokeComplete" {
			got.Write(message.Payload)
			continue
		}
		if got.String() != body || !strings.Contains(string(message.Payload), errorCode) {
			return fmt.Errorf("the stream is %q and ends with %s; want %q and %q", got.String(), message.Payload, body, errorCode)
		}
		return nil
	}
}
