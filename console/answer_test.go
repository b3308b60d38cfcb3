package console

import (
	"testing"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/protocol/runtimeapi"
)

// A result is shown as an HTTP response only if it has the form of one.
func TestAnswerOf(t *testing.T) {
	for _, test := range []struct {
		result            emulator.Result
		status            int
		contentType, body string
	}{
		{emulator.Result{Body: []byte(`{"a":1}`)}, 0, "application/json", `{"a":1}`},
		{emulator.Result{Body: []byte(`{"statusCode":200,"body":"x"}`)}, 200, "application/json", "x"},
		{emulator.Result{Body: []byte(`{"statusCode":200,"headers":{"content-TYPE":"text/html"},"body":"x"}`)}, 200, "text/html", "x"},
		{emulator.Result{Body: []byte(`{"statusCode":200,"multiValueHeaders":{"Content-Type":["text/csv"]},"body":"eA==","isBase64Encoded":true}`)}, 200, "text/csv", "x"},
		{emulator.Result{Body: []byte(`{"statusCode":204}`)}, 204, "application/json", ""},
		{emulator.Result{Body: []byte(`{"statusCode":200,"body":"%","isBase64Encoded":true}`)}, 0, "application/json", `{"statusCode":200,"body":"%","isBase64Encoded":true}`},
		{emulator.Result{Body: []byte(`{"statusCode":204,"isBase64Encoded":true}`)}, 204, "application/json", ""},
		{emulator.Result{Body: []byte(`{"statusCode":"200"}`)}, 0, "application/json", `{"statusCode":"200"}`},
		{emulator.Result{Body: []byte(`["statusCode"]`)}, 0, "application/json", `["statusCode"]`},
		{emulator.Result{Body: []byte(`{"statusCode":500,"body":"x"}`), FunctionError: true}, 0, "application/json", `{"statusCode":500,"body":"x"}`},
		{emulator.Result{Streamed: true, ContentType: "text/plain", Body: []byte("x")}, 0, "text/plain", "x"},
		{emulator.Result{Streamed: true, ContentType: runtimeapi.ContentTypeHTTP,
			Body: []byte(`{"statusCode":201,"headers":{"Content-Type":"text/html"}}` + runtimeapi.PreludeEnd + "x")}, 201, "text/html", "x"},
		{emulator.Result{Streamed: true, ContentType: runtimeapi.ContentTypeHTTP, Body: []byte("x")}, 0, runtimeapi.ContentTypeHTTP, "x"},
		{emulator.Result{Streamed: true, ContentType: "text/plain"}, 0, "text/plain", ""},
	} {
		a := answerOf(&test.result)
		if a.Status != test.status || a.ContentType != test.contentType || string(a.Body) != test.body {
			t.Errorf("%s: status %d, %s, %s", test.result.Body, a.Status, a.ContentType, a.Body)
		}
	}
	if answerOf(nil) != nil {
		t.Error("no result has an answer")
	}
}
