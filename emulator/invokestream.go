package emulator

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream/eventstreamapi"
)

// maxChunk is the size of the events of a response that is not streamed, in bytes.
const maxChunk = 1 << 20

// handleInvokeStreaming is the operation InvokeWithResponseStream.
func (e *Emulator) handleInvokeStreaming(w http.ResponseWriter, r *http.Request) {
	inv, ok := e.readInvocation(w, r)
	if !ok {
		return
	}
	inv.limit = maxStream
	w.Header().Set("X-Amz-Executed-Version", e.version())
	switch kind := r.Header.Get("X-Amz-Invocation-Type"); kind {
	case "", "RequestResponse":
	case "DryRun":
		w.WriteHeader(http.StatusNoContent)
		return
	default:
		WriteException(w, http.StatusBadRequest, "InvalidParameterValueException",
			fmt.Sprintf("X-Amz-Invocation-Type is %q: want RequestResponse or DryRun", kind))
		return
	}
	if !e.submit(inv) {
		writeTooManyRequests(w)
		return
	}
	a, ok := e.awaitAnswer(r.Context(), inv)
	if !ok {
		return
	}
	h := w.Header()
	h.Set("X-Amzn-Requestid", inv.id)
	h.Set("Content-Type", "application/vnd.amazon.eventstream")
	if a.contentType != "" {
		h.Set("X-Amzn-Remapped-Content-Type", a.contentType)
	}
	events := &eventWriter{w: w, encoder: eventstream.NewEncoder()}
	if a.stream != nil {
		// The headers announce the stream to the caller before its first chunk.
		_ = http.NewResponseController(w).Flush() // relay detects a caller that has left
		var err error
		if a, err = relay(r, a.stream, events.chunk); err != nil {
			return
		}
	} else if !a.functionError {
		body := bytes.NewBuffer(a.body)
		for body.Len() > 0 {
			if events.chunk(body.Next(maxChunk)) != nil {
				return
			}
		}
	}
	events.complete(a, r.Header.Get("X-Amz-Log-Type") == "Tail")
}

// An eventWriter writes the events of InvokeWithResponseStream.
type eventWriter struct {
	w       http.ResponseWriter
	encoder *eventstream.Encoder
	message bytes.Buffer // reused for each event
}

// chunk writes the event for a part of the response.
func (e *eventWriter) chunk(payload []byte) error {
	return e.event("PayloadChunk", "application/octet-stream", payload)
}

// complete writes the final event. It carries the error of a function that failed, whether
// before the stream or in the middle of it.
func (e *eventWriter) complete(a answer, tail bool) {
	var event struct {
		ErrorCode    string `json:",omitempty"`
		ErrorDetails string `json:",omitempty"`
		LogResult    string `json:",omitempty"`
	}
	if a.functionError {
		event.ErrorCode = cmp.Or(a.errorType, "Unhandled")
		event.ErrorDetails = string(a.body)
	}
	if tail {
		event.LogResult = base64.StdEncoding.EncodeToString(a.tail)
	}
	text, err := json.Marshal(event)
	if err != nil {
		panic(err) // strings cannot fail
	}
	_ = e.event("InvokeComplete", "application/json", text) // a caller that has left needs none
}

// event writes an event and sends it at once. An error means that the caller has left.
func (e *eventWriter) event(kind, contentType string, payload []byte) error {
	e.message.Reset()
	err := e.encoder.Encode(&e.message, eventstream.Message{
		Headers: eventstream.Headers{
			{Name: eventstreamapi.EventTypeHeader, Value: eventstream.StringValue(kind)},
			{Name: eventstreamapi.ContentTypeHeader, Value: eventstream.StringValue(contentType)},
			{Name: eventstreamapi.MessageTypeHeader, Value: eventstream.StringValue(eventstreamapi.EventMessageType)},
		},
		Payload: payload,
	})
	if err != nil {
		panic(err) // the names and payloads are short enough for the format
	}
	if _, err := e.w.Write(e.message.Bytes()); err != nil {
		return err
	}
	return http.NewResponseController(e.w).Flush()
}
