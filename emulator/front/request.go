package front

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// HeaderTraceID is the header with which a caller passes its X-Ray trace on.
const HeaderTraceID = "X-Amzn-Trace-Id"

// clf is the layout in which AWS writes the time of a request.
const clf = "02/Jan/2006:15:04:05 -0700"

// hopByHop are the headers that belong to a connection, not to a request or response.
var hopByHop = []string{"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

// A Request is an HTTP request and the facts of the invocation that it becomes.
type Request struct {
	HTTP    *http.Request // its Body is not used
	Body    []byte
	ID      string    // the request id of the invocation
	TraceID string    // the X-Ray trace of the invocation
	Time    time.Time // when the request came
}

// Event returns the event for a request, as JSON.
func (f Format) Event(r Request) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false) // as AWS does; escapes would count against the size limit
	if err := encoder.Encode(formats[f].event(newRequest(r))); err != nil {
		panic(err) // strings, numbers, and lists and maps of them cannot fail
	}
	return bytes.Clone(bytes.TrimSuffix(b.Bytes(), []byte("\n"))) // b may be twice as large
}

// A request is what the events of all formats are made of.
type request struct {
	id             string
	time           time.Time
	method, proto  string
	path, rawQuery string      // percent-encoded, as received
	header         http.Header // includes those that AWS adds
	sourceIP       string
	body           []byte
}

func newRequest(r Request) *request {
	in := &request{
		id:       r.ID,
		time:     r.Time.UTC(),
		method:   r.HTTP.Method,
		proto:    r.HTTP.Proto,
		path:     r.HTTP.URL.EscapedPath(),
		rawQuery: r.HTTP.URL.RawQuery,
		header:   r.HTTP.Header.Clone(),
		sourceIP: r.HTTP.RemoteAddr,
		body:     r.Body,
	}
	if in.path == "" {
		in.path = "/"
	}
	if host, _, err := net.SplitHostPort(r.HTTP.RemoteAddr); err == nil {
		in.sourceIP = host
	}
	for _, name := range hopByHop {
		in.header.Del(name)
	}
	in.header.Set("Host", r.HTTP.Host)
	if len(in.body) > 0 {
		in.header.Set("Content-Length", strconv.Itoa(len(in.body))) // a chunked request has none yet
	}
	if in.header.Get(HeaderTraceID) == "" {
		// Parent and Sampled belong to the function's own trace segment.
		root, _, _ := strings.Cut(r.TraceID, ";")
		in.header.Set(HeaderTraceID, root)
	}
	// The true values instead of AWS's https and 443: functions build links from them.
	in.header.Set("X-Forwarded-Proto", "http")
	in.header.Set("X-Forwarded-Port", "80")
	if _, port, err := net.SplitHostPort(r.HTTP.Host); err == nil {
		in.header.Set("X-Forwarded-Port", port)
	}
	in.header.Set("X-Forwarded-For", strings.Join(append(r.HTTP.Header.Values("X-Forwarded-For"), in.sourceIP), ", "))
	return in
}

// domain returns the requested host name without its port, and the first label of it.
func (in *request) domain() (name, prefix string) {
	name = (&url.URL{Host: in.header.Get("Host")}).Hostname()
	prefix, _, _ = strings.Cut(name, ".")
	return name, prefix
}

// lowerHeaders returns the headers with lower-case names. Repeated values are joined.
func (in *request) lowerHeaders() map[string]string {
	headers := map[string]string{}
	for name, values := range in.header {
		headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	return headers
}

// A parameter is one name and value of a query string.
type parameter struct {
	name, value string
}

// parameters returns the parameters of the query string in order, decoded on request.
// Text that cannot be decoded stays as it is, because AWS accepts it.
func (in *request) parameters(decoded bool) []parameter {
	decode := func(text string) string {
		if plain, err := url.QueryUnescape(text); err == nil && decoded {
			return plain
		}
		return text
	}
	var all []parameter
	for pair := range strings.SplitSeq(in.rawQuery, "&") {
		if pair != "" {
			name, value, _ := strings.Cut(pair, "=")
			all = append(all, parameter{decode(name), decode(value)})
		}
	}
	return all
}

// isText reports whether AWS passes a body of this Content-Type to the function as text.
// AWS does not document the list. This one was observed on HTTP APIs and load balancers; a
// form is not in it.
func (in *request) isText() bool {
	kind, _, err := mime.ParseMediaType(in.header.Get("Content-Type"))
	if err != nil {
		return false
	}
	return strings.HasPrefix(kind, "text/") ||
		slices.Contains([]string{"application/json", "application/javascript", "application/xml"}, kind)
}

// bodyAs returns the body as text if text is true and it is valid UTF-8, or else in base64.
func (in *request) bodyAs(text bool) (body string, isBase64 bool) {
	if len(in.body) == 0 {
		return "", false
	}
	if text && utf8.Valid(in.body) {
		return string(in.body), false
	}
	return base64.StdEncoding.EncodeToString(in.body), true
}
