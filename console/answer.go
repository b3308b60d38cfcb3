package console

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"mime"
	"strings"

	"lambda-r-runtime/emulator"
)

// An answer is what the page shows of a result.
type answer struct {
	Status      int               `json:"status"` // of an HTTP response; 0 if it is none
	Headers     map[string]string `json:"headers"`
	ContentType string            `json:"content_type"`
	Body        []byte            `json:"body"`
	Gone        string            `json:"gone"` // why there is no body
}

// answerOf returns a result as what it is: an HTTP response, if it has the form of one, or JSON.
func answerOf(r *emulator.Result) *answer {
	if r == nil {
		return nil
	}
	if r.Streamed {
		return streamOf(r)
	}
	if !r.FunctionError {
		if a := responseOf(r.Body); a != nil {
			return a
		}
	}
	return &answer{ContentType: "application/json", Body: r.Body}
}

// responseOf returns the HTTP response that JSON describes, or nil if it describes none.
func responseOf(text []byte) *answer {
	if !bytes.Contains(text, []byte(`"statusCode"`)) {
		return nil
	}
	var response struct {
		StatusCode *int                `json:"statusCode"`
		Headers    map[string]string   `json:"headers"`
		Many       map[string][]string `json:"multiValueHeaders"`
		Body       *string             `json:"body"`
		Base64     bool                `json:"isBase64Encoded"`
	}
	if json.Unmarshal(text, &response) != nil || response.StatusCode == nil {
		return nil
	}
	a := &answer{Status: *response.StatusCode, Headers: response.Headers}
	if a.Headers == nil {
		a.Headers = map[string]string{}
	}
	for name, values := range response.Many {
		a.Headers[name] = strings.Join(values, ", ")
	}
	if response.Body != nil {
		a.Body = []byte(*response.Body)
	}
	if response.Base64 && response.Body != nil {
		decoded, err := base64.StdEncoding.DecodeString(*response.Body)
		if err != nil {
			return nil
		}
		a.Body = decoded
	}
	a.ContentType = contentType(a.Headers, "application/json")
	return a
}

// streamOf returns a streamed response. Only the console's own invocations have its body.
func streamOf(r *emulator.Result) *answer {
	if r.FunctionError {
		return &answer{ContentType: "application/json", Body: r.Body}
	}
	if r.Body == nil {
		return &answer{ContentType: r.ContentType, Gone: "It was a stream, which only its caller gets."}
	}
	prelude, body, ok := emulator.SplitPrelude(r.ContentType, r.Body)
	if !ok {
		return &answer{ContentType: r.ContentType, Body: r.Body}
	}
	var head struct {
		StatusCode int               `json:"statusCode"`
		Headers    map[string]string `json:"headers"`
	}
	if json.Unmarshal(prelude, &head) != nil {
		return &answer{ContentType: "text/plain", Body: r.Body}
	}
	return &answer{
		Status: head.StatusCode, Headers: head.Headers,
		ContentType: contentType(head.Headers, "application/octet-stream"), Body: body,
	}
}

// contentType returns the content type among headers, or another one if there is none.
func contentType(headers map[string]string, otherwise string) string {
	for name, value := range headers {
		if strings.EqualFold(name, "Content-Type") {
			return value
		}
	}
	return otherwise
}

// isHTML reports whether a is an HTML page.
func (a *answer) isHTML() bool {
	media, _, err := mime.ParseMediaType(a.ContentType)
	return err == nil && (media == "text/html" || media == "application/xhtml+xml")
}
