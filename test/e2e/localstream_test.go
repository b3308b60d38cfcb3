package e2e

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// streamBySDK invokes the function with AWS's SDK. It returns the bytes of the chunks and how the
// stream ended.
func streamBySDK(t *testing.T, f function, event string) (string, types.InvokeWithResponseStreamCompleteEvent) {
	t.Helper()
	client := lambda.New(lambda.Options{
		Region:       "us-east-1",
		Credentials:  credentials.NewStaticCredentialsProvider("id", "secret", ""),
		BaseEndpoint: aws.String(f.url),
	})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := client.InvokeWithResponseStream(ctx, &lambda.InvokeWithResponseStreamInput{
		FunctionName: aws.String("function"), Payload: []byte(event),
	})
	if err != nil {
		t.Fatal(err)
	}
	stream := out.GetStream()
	defer stream.Close()
	var text strings.Builder
	var complete types.InvokeWithResponseStreamCompleteEvent
	for e := range stream.Events() {
		switch e := e.(type) {
		case *types.InvokeWithResponseStreamResponseEventMemberPayloadChunk:
			text.Write(e.Value.Payload)
		case *types.InvokeWithResponseStreamResponseEventMemberInvokeComplete:
			complete = e.Value
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	return text.String(), complete
}

// From R's write() to AWS's SDK.
func TestStreamToSDK(t *testing.T) {
	_, f := startLocal(t, "streams.run", nil)
	text, end := streamBySDK(t, f, call("lines", `{"n": 3}`))
	if text != "line 1\nline 2\nline 3\n" || aws.ToString(end.ErrorCode) != "" {
		t.Errorf("got %q, %s", text, aws.ToString(end.ErrorCode))
	}
	text, end = streamBySDK(t, f, call("lines", `{"n": 2, "fail": "stop"}`))
	if text != "line 1\nline 2\n" || aws.ToString(end.ErrorCode) != "Function.SimpleError" || !strings.Contains(aws.ToString(end.ErrorDetails), "100%s of %d {x}") {
		t.Errorf("got %q, %s, %s", text, aws.ToString(end.ErrorCode), aws.ToString(end.ErrorDetails))
	}
	text, end = streamBySDK(t, f, call("lines", `{"n": 1, "fail": "quit"}`))
	if text != "line 1\n" || aws.ToString(end.ErrorCode) != "Runtime.WorkerCrashed" {
		t.Errorf("got %q, %s", text, aws.ToString(end.ErrorCode))
	}
	// A result that is not streamed comes in one piece, and a plain Invoke gets a whole stream.
	if text, end = streamBySDK(t, f, call("pid", `{}`)); text == "" || aws.ToString(end.ErrorCode) != "" {
		t.Errorf("got %q, %s", text, aws.ToString(end.ErrorCode))
	}
	if got := f.result(call("lines", `{"n": 2}`)); got != "line 1\nline 2\n" {
		t.Errorf("a plain Invoke got %q", got)
	}
}

// A stream goes from R's write() to an HTTP caller. If the caller leaves, R gets an error and
// serves the next invocation.
func TestStreamOverHTTP(t *testing.T) {
	p, f := startLocal(t, "streams.lines", nil, "--http")
	got := f.http("GET", "/?n=2", "")
	if got.Status != 201 || got.Body != "line 1\nline 2\n" || got.Header.Get("X-A") != "b" || got.Header.Get("Set-Cookie") != "s=1" {
		t.Errorf("got %+v", got)
	}
	resp, err := http.Get(f.url + "/?fail=write")
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(resp.Body).ReadString('\n')
	if err != nil || line != "line 1\n" {
		t.Errorf("got %q, %v", line, err)
	}
	if err := resp.Body.Close(); err != nil { // this breaks the connection
		t.Error(err)
	}
	p.waitFor(`ERR invocation error: stream_closed.*the stream is closed: `)

	// A stream that breaks off does not look like its end.
	resp, err = http.Get(f.url + "/?n=1&fail=stop")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err == nil || string(text) != "line 1\n" {
		t.Errorf("got %q, %v: want an unexpected end", text, err)
	}
}
