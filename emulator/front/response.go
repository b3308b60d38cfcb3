package front

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// A response is the HTTP response that a result becomes.
type response struct {
	status int
	header http.Header
	body   []byte
}

// Respond writes the HTTP response for a result. If the result is not a valid response, it
// writes nothing and returns an error that begins with "it" or the name of a field.
func (f Format) Respond(w http.ResponseWriter, result []byte) error {
	r, err := formats[f].respond(result)
	if err != nil {
		return err
	}
	r.writeTo(w)
	return nil
}

// multiValueResponse parses a response whose headers may have several values.
func multiValueResponse(fields map[string]json.RawMessage, contentType string) (*response, error) {
	if fields["statusCode"] == nil {
		return nil, errors.New(`it has no statusCode: want an object like {"statusCode": 200, "body": "text"}`)
	}
	delete(fields, "cookies") // a field of payload format 2.0
	return parseResponse(fields, contentType)
}

// parseResponse reads a response. contentType is the default of its Content-Type.
func parseResponse(fields map[string]json.RawMessage, contentType string) (*response, error) {
	r := &response{header: http.Header{}}
	var err error
	// A number in quotes is accepted as well. 1xx is not: the caller would wait for another status.
	r.status, err = strconv.Atoi(strings.Trim(string(fields["statusCode"]), `"`))
	if err != nil || r.status < 200 || r.status > 599 {
		return nil, fmt.Errorf("statusCode is %.20q: want a number from 200 to 599", fields["statusCode"])
	}
	err = cmp.Or(r.addHeaders(fields["headers"]), r.addMultiValueHeaders(fields["multiValueHeaders"]), r.addCookies(fields["cookies"]))
	if err != nil {
		return nil, err
	}
	if r.header.Get("Content-Type") == "" {
		r.header.Set("Content-Type", contentType)
	}
	var body string
	if raw := fields["body"]; !isNull(raw) && json.Unmarshal(raw, &body) != nil {
		return nil, fmt.Errorf("body is %s: want a string, in R jsonlite::toJSON() of the value", kind(raw))
	}
	var isBase64 bool
	if raw := fields["isBase64Encoded"]; !isNull(raw) && json.Unmarshal(raw, &isBase64) != nil {
		return nil, fmt.Errorf("isBase64Encoded is %s: want true or false", kind(raw))
	}
	r.body = []byte(body)
	if isBase64 {
		if r.body, err = base64.StdEncoding.DecodeString(body); err != nil {
			return nil, fmt.Errorf("isBase64Encoded is true, and body is not base64: %w", err)
		}
	}
	return r, nil
}

func (r *response) addHeaders(raw json.RawMessage) error {
	if isNull(raw) {
		return nil
	}
	headers := object(raw)
	if headers == nil {
		return fmt.Errorf("headers is %s: want an object", kind(raw))
	}
	for name, raw := range headers {
		if err := r.addHeader(name, raw); err != nil {
			return err
		}
	}
	return nil
}

// addMultiValueHeaders adds headers that may have several values. A value that is already
// there is not repeated.
func (r *response) addMultiValueHeaders(raw json.RawMessage) error {
	if isNull(raw) {
		return nil
	}
	var headers map[string][]json.RawMessage
	if json.Unmarshal(raw, &headers) != nil {
		return errors.New("multiValueHeaders is not an object of arrays")
	}
	for name, values := range headers {
		for _, raw := range values {
			if err := r.addHeader(name, raw); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *response) addCookies(raw json.RawMessage) error {
	if isNull(raw) {
		return nil
	}
	var cookies []json.RawMessage
	if json.Unmarshal(raw, &cookies) != nil {
		return fmt.Errorf("cookies is %s: want an array, in R a list", kind(raw))
	}
	for _, raw := range cookies {
		if err := r.addHeader("Set-Cookie", raw); err != nil {
			return err
		}
	}
	return nil
}

// addHeader adds a header unless it is already there. The value is a JSON string, number or
// boolean. It returns an error if HTTP cannot carry the header.
func (r *response) addHeader(name string, raw json.RawMessage) error {
	value := string(raw)
	switch {
	case isNull(raw) || raw[0] == '{' || raw[0] == '[':
		return fmt.Errorf("the header %.100q is %s: want a string", name, kind(raw))
	case raw[0] == '"':
		if err := json.Unmarshal(raw, &value); err != nil {
			return err
		}
	}
	control := func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }
	notToken := func(c rune) bool { return c <= ' ' || c >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c) }
	if name == "" || strings.ContainsFunc(name, notToken) {
		return fmt.Errorf("%.100q cannot be the name of a header", name)
	}
	if strings.ContainsFunc(value, control) {
		return fmt.Errorf("the header %.100q has a line break or another control character in its value %.100q", name, value)
	}
	if !slices.Contains(r.header.Values(name), value) {
		r.header.Add(name, value)
	}
	return nil
}

// writeTo sends the response.
func (r *response) writeTo(w http.ResponseWriter) {
	r.setHeader(w.Header())
	if !r.hasBody() {
		w.WriteHeader(r.status)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(r.body)))
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body) // net/http writes no body for HEAD; a caller that has left needs none
}

// setHeader adds the function's headers, except those that the server sets itself.
func (r *response) setHeader(header http.Header) {
	for name, values := range r.header {
		header[name] = values
	}
	for _, name := range hopByHop {
		header.Del(name)
	}
	header.Del("Content-Length")
}

// hasBody reports whether the status allows a body.
func (r *response) hasBody() bool {
	return r.status != http.StatusNoContent && r.status != http.StatusNotModified
}

// object returns the fields of a JSON object, or nil if text is not one.
func object(text []byte) map[string]json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(text, &fields) != nil {
		return nil
	}
	return fields
}

// isNull reports whether a field is null or absent.
func isNull(raw json.RawMessage) bool { return raw == nil || string(raw) == "null" }

// kind names the type of a JSON value, for error texts.
func kind(raw json.RawMessage) string {
	switch raw[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 'n':
		return "null"
	case 't', 'f':
		return "true or false"
	}
	return "a number"
}
