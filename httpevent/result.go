package httpevent

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"lambda-r-runtime/protocol"
)

// Streams reports whether the event's source accepts a streamed result. A load balancer and VPC Lattice
// do not.
func (e *Event) Streams() bool { return e.source == payload1 || e.source == payload2 }

// Result returns the result, JSON, that the event's source makes into this response.
func (e *Event) Result(status int, header http.Header, body []byte) []byte {
	header = e.own(header)
	isBase64 := !isText(header, body)
	result := make([]byte, 0, 1024+base64.StdEncoding.EncodedLen(len(body)))
	result = append(result, `{"statusCode":`...)
	result = strconv.AppendInt(result, int64(status), 10)
	result = e.appendHeader(result, header)
	result = append(result, `,"isBase64Encoded":`...)
	result = strconv.AppendBool(result, isBase64)
	result = append(result, `,"body":`...)
	if isBase64 {
		result = append(result, '"')
		result = base64.StdEncoding.AppendEncode(result, body)
		return append(result, `"}`...)
	}
	return append(appendText(result, string(body)), '}')
}

// Prelude returns the head of a streamed response.
func (e *Event) Prelude(status int, header http.Header) *protocol.Prelude {
	header = e.own(header)
	p := &protocol.Prelude{StatusCode: status, Cookies: header["Set-Cookie"]}
	header.Del("Set-Cookie")
	p.Headers = joined(header)
	return p
}

// own returns the headers that are the function's: not those of the connection to the server. The length
// is kept for HEAD only, whose response has no body to count.
func (e *Event) own(header http.Header) http.Header {
	header = header.Clone()
	length := header.Get("Content-Length")
	for _, name := range hopByHop {
		header.Del(name)
	}
	if e.Method == http.MethodHead && length != "" {
		header.Set("Content-Length", length)
	}
	return header
}

// appendHeader appends the members with headers and cookies, in the form of the source.
func (e *Event) appendHeader(result []byte, header http.Header) []byte {
	members := map[string]any{}
	cookies := header["Set-Cookie"]
	switch e.source {
	case payload2:
		if len(cookies) > 0 {
			members["cookies"] = cookies
		}
		header.Del("Set-Cookie")
		members["headers"] = joined(header)
	case payload1:
		several := http.Header{}
		for name, texts := range header {
			if len(texts) > 1 {
				several[name] = texts
				delete(header, name)
			}
		}
		members["headers"] = joined(header)
		if len(several) > 0 {
			members["multiValueHeaders"] = several
		}
	default:
		if e.multiValue {
			members["multiValueHeaders"] = header
			break
		}
		if len(cookies) > 1 {
			header["Set-Cookie"] = cookies[len(cookies)-1:] // there is room for one
		}
		members["headers"] = joined(header)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		text, err := json.Marshal(members[name])
		if err != nil {
			panic(err) // maps of strings cannot fail
		}
		result = append(result, `,"`+name+`":`...)
		result = append(result, text...)
	}
	return result
}

// joined returns the headers with one value each.
func joined(header http.Header) map[string]string {
	one := make(map[string]string, len(header))
	for name, texts := range header {
		one[name] = strings.Join(texts, ", ")
	}
	return one
}

// isText reports whether a body can be sent as text, and its type says that it is.
func isText(header http.Header, body []byte) bool {
	if header.Get("Content-Encoding") != "" || !utf8.Valid(body) {
		return false
	}
	kind, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return header.Get("Content-Type") == ""
	}
	_, subtype, _ := strings.Cut(kind, "/")
	for _, known := range []string{"json", "javascript", "xml", "yaml"} {
		if subtype == known || subtype == "x-"+known || strings.HasSuffix(subtype, "+"+known) {
			return true
		}
	}
	return strings.HasPrefix(kind, "text/")
}

// appendText appends a string of valid UTF-8 as JSON, in one pass.
func appendText(b []byte, text string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := range len(text) {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, text[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(b, text[start:]...), '"')
}
