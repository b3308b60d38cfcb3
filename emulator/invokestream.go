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

// maxChunk is the most that one event has of a response that is not streamed, in bytes.
const maxChunk = 1 << 20

// invokeStreaming is the call InvokeWithResponseStream.
func (e *Emulator) invokeStreaming(w http.ResponseWriter, r *http.Request) {
	inv, ok := readInvocation(w, r)
	if !ok {
		return
	}
	inv.limit = maxStream
	w.Header().Set("X-Amz-Executed-Version", "$LATEST")
	switch kind := r.Header.Get("X-Amz-Invocation-Type"); kind {
	case "", "RequestResponse":
	case "DryRun":
		w.WriteHeader(http.StatusNoContent)
		return
	default:
		clientError(w, http.StatusBadRequest, "InvalidParameterValueException",
			fmt.Sprintf("X-Amz-Invocation-Type is %q: want RequestResponse or DryRun", kind))
		return
	}
	if !e.submit(inv) {
		tooMany(w)
		return
	}
	a, ok := e.await(r, inv)
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
		// The caller learns that the stream has begun before there is any of it.
		_ = http.NewResponseController(w).Flush() // what comes next finds a caller that has gone
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
	message bytes.Buffer // that of the last event, whose memory the next one uses
}

func (e *eventWriter) chunk(payload []byte) error {
	return e.event("PayloadChunk", "application/octet-stream", payload)
}

// complete is the last event. A function that fails before its stream begins has
// no chunks: its error is here, as one in the middle of a stream is.
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
		panic(err) // three strings
	}
	_ = e.event("InvokeComplete", "application/json", text) // a caller that has gone needs none
}

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
		panic(err) // names and payloads of a size that the format has room for
	}
	return send(e.w, e.message.Bytes())
}
