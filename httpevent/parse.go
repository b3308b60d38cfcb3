package httpevent

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// ErrNotHTTP is the error of Parse for an event that is not an HTTP request, such as one of a queue.
var ErrNotHTTP = errors.New("the event is not an HTTP request")

// A source is a service that makes HTTP requests into events.
type source int

const (
	payload2 source = iota // function URLs and HTTP APIs
	payload1               // REST APIs
	loadBalancer
	lattice
)

// An Event is an HTTP request that came as an event.
type Event struct {
	Method string
	Path   string // percent-encoded, without the stage
	Query  string // percent-encoded, without the question mark
	Host   string
	Header http.Header // without those of a connection
	Body   []byte

	Context []byte // the event's requestContext, JSON in one line; nil if it has none

	source     source
	multiValue bool // a load balancer's target group has multi-value headers
}

// fields are those of all sources. Their names do not depend on case.
type fields struct {
	Version                         string
	HTTPMethod, Method              string
	Path, RawPath                   string
	RawPath1                        string `json:"raw_path"`
	RawQueryString                  *string
	Headers                         values
	MultiValueHeaders               values
	Cookies                         []string
	QueryStringParameters           values
	Query1                          values `json:"query_string_parameters"`
	MultiValueQueryStringParameters values
	Body                            json.RawMessage
	IsBase64Encoded                 bool
	IsBase64Encoded1                bool `json:"is_base64_encoded"`
	RequestContext                  json.RawMessage
}

// requestContext has the parts of a requestContext that show where the event is from.
type requestContext struct {
	Stage             string
	ELB               json.RawMessage
	ServiceNetworkARN string
	HTTP              struct{ Method string }
}

// values are named texts, each one or several: an object of strings or of arrays of strings.
type values map[string][]string

// UnmarshalJSON implements json.Unmarshaler. It leaves out members that are neither.
func (v *values) UnmarshalJSON(text []byte) error {
	var raw map[string]json.RawMessage
	if json.Unmarshal(text, &raw) != nil || raw == nil {
		return nil // null, or something that counts as absent
	}
	*v = values{}
	for name, value := range raw {
		var one string
		var several []string
		if string(value) != "null" && json.Unmarshal(value, &one) == nil {
			(*v)[name] = []string{one}
		} else if json.Unmarshal(value, &several) == nil && several != nil {
			(*v)[name] = several
		}
	}
	return nil
}

// Parse reads an event. The error is ErrNotHTTP, or says which part of the request is invalid.
func Parse(event []byte) (*Event, error) {
	var f fields
	var context requestContext
	body, event := cutBody(event)
	unfit := json.Unmarshal(event, &f)
	if body != nil {
		f.Body = body
	}
	if len(f.RequestContext) > 0 {
		_ = json.Unmarshal(f.RequestContext, &context) // what does not fit counts as absent
	}
	e := &Event{}
	switch {
	case f.Version == "2.0" && context.HTTP.Method != "":
		e.source, e.Method = payload2, context.HTTP.Method
	case f.HTTPMethod != "" && context.ELB != nil:
		e.source, e.Method, e.multiValue = loadBalancer, f.HTTPMethod, f.MultiValueHeaders != nil
	case f.HTTPMethod != "" && f.RequestContext != nil:
		e.source, e.Method = payload1, f.HTTPMethod
	case f.Method != "" && (context.ServiceNetworkARN != "" || f.RawPath1 != ""):
		e.source, e.Method = lattice, f.Method
	default:
		return nil, ErrNotHTTP
	}
	if unfit != nil {
		return nil, fmt.Errorf("the event is not a valid HTTP request: %w", unfit)
	}
	if !isToken(e.Method) {
		return nil, fmt.Errorf("%.40q cannot be an HTTP method", e.Method)
	}
	e.setTarget(f, context.Stage)
	e.setHeader(f)
	if err := e.setBody(f); err != nil {
		return nil, err
	}
	if f.RequestContext != nil {
		var line bytes.Buffer
		if json.Compact(&line, f.RequestContext) == nil { // it was parsed
			e.Context = line.Bytes()
		}
	}
	return e, nil
}

// setTarget sets the path and the query.
func (e *Event) setTarget(f fields, stage string) {
	path, query, _ := strings.Cut(cmp.Or(f.RawPath, f.RawPath1, f.Path, "/"), "?") // Lattice 1.0 has both in one
	if stage != "" && strings.HasPrefix(path+"/", "/"+stage+"/") {
		path = path[1+len(stage):]
	}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	parameters := f.QueryStringParameters
	if f.MultiValueQueryStringParameters != nil {
		parameters = f.MultiValueQueryStringParameters
	}
	switch {
	case f.RawQueryString != nil:
		query = *f.RawQueryString
	case query == "" && e.source == loadBalancer:
		query = join(parameters, func(text string) string { return text }) // never decoded
	case query == "":
		if parameters == nil {
			parameters = f.Query1
		}
		query = join(parameters, encodeComponent)
	}
	e.Path, e.Query = escapeInvalid(path), escapeInvalid(query)
}

// join returns the query string of parameters, ordered by name: an object of JSON has no order.
func join(parameters values, encode func(string) string) string {
	var pairs []string
	for name, texts := range parameters {
		for _, text := range texts {
			pairs = append(pairs, encode(name)+"="+encode(text))
		}
	}
	slices.SortStableFunc(pairs, func(a, b string) int {
		nameA, _, _ := strings.Cut(a, "=")
		nameB, _, _ := strings.Cut(b, "=")
		return strings.Compare(nameA, nameB)
	})
	return strings.Join(pairs, "&")
}

// encodeComponent encodes a blank as %20, because not every server decodes a plus.
func encodeComponent(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}

// escapeInvalid percent-encodes what must not stand in a request line, and leaves the rest as it is: some
// sources decode a path, and others do not.
func escapeInvalid(text string) string {
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		hex := c == '%' && i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2])
		if c <= ' ' || c >= 0x7f || c == '#' || c == '"' || c == '<' || c == '>' || c == '%' && !hex {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// hopByHop are the headers of a connection, and those that the client of the server sets itself.
var hopByHop = []string{
	"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Expect",
	"Content-Length",
}

// setHeader sets the headers, without those that HTTP cannot carry.
func (e *Event) setHeader(f fields) {
	headers := f.Headers
	if f.MultiValueHeaders != nil {
		headers = f.MultiValueHeaders
	}
	e.Header = http.Header{}
	for name, texts := range headers {
		if !isToken(name) {
			continue
		}
		for _, text := range texts {
			if isValue(text) {
				e.Header.Add(name, text)
			}
		}
	}
	if cookies := append(e.Header["Cookie"], slices.DeleteFunc(f.Cookies, isNotValue)...); len(cookies) > 0 {
		e.Header.Set("Cookie", strings.Join(cookies, "; ")) // R's servers would join them by a comma
	}
	e.Host = e.Header.Get("Host")
	e.Header.Del("Host")
	for _, name := range hopByHop {
		e.Header.Del(name)
	}
}

func (e *Event) setBody(f fields) error {
	if f.Body == nil || string(f.Body) == "null" {
		return nil
	}
	isBase64 := f.IsBase64Encoded || f.IsBase64Encoded1
	if isBase64 && f.Body[0] == '"' && !bytes.ContainsRune(f.Body, '\\') {
		e.Body = bytes.Clone(f.Body[1 : len(f.Body)-1]) // as it stands: decoding a JSON string takes longer
	} else {
		var text string
		if err := json.Unmarshal(f.Body, &text); err != nil {
			return fmt.Errorf("the event is not a valid HTTP request: body: %w", err)
		}
		e.Body = []byte(text)
	}
	if isBase64 {
		n, err := base64.StdEncoding.Decode(e.Body, e.Body)
		if err != nil {
			return fmt.Errorf("isBase64Encoded is true, and the body is not base64: %w", err)
		}
		e.Body = e.Body[:n]
	}
	return nil
}

// isToken reports whether text can be a method or the name of a header.
func isToken(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c)
	})
}

// isValue reports whether text can be the value of a header.
func isValue(text string) bool {
	return !strings.ContainsFunc(text, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f })
}

func isNotValue(text string) bool { return !isValue(text) }
