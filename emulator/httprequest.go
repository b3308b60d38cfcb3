package emulator

import (
	"encoding/base64"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// clf is how AWS writes the time of a request.
const clf = "02/Jan/2006:15:04:05 -0700"

// hopByHop are the headers of a connection, and not of the request or response.
var hopByHop = []string{"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

// An httpRequest is a request as all fronts see it.
type httpRequest struct {
	id, traceID    string
	time           time.Time
	method, proto  string
	path, rawQuery string      // as they came, with their percent signs
	header         http.Header // with those that AWS adds
	sourceIP       string
	body           []byte
}

func newHTTPRequest(r *http.Request, body []byte, now time.Time) *httpRequest {
	in := &httpRequest{
		id:       uuid.NewString(),
		traceID:  r.Header.Get("X-Amzn-Trace-Id"),
		time:     now.UTC(),
		method:   r.Method,
		proto:    r.Proto,
		path:     r.URL.EscapedPath(),
		rawQuery: r.URL.RawQuery,
		header:   r.Header.Clone(),
		sourceIP: r.RemoteAddr,
		body:     body,
	}
	if in.path == "" {
		in.path = "/"
	}
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		in.sourceIP = host
	}
	for _, name := range hopByHop {
		in.header.Del(name)
	}
	in.header.Set("Host", r.Host)
	if len(body) > 0 {
		in.header.Set("Content-Length", strconv.Itoa(len(body))) // a chunked one has none yet
	}
	if in.traceID == "" {
		in.traceID = newTraceID(in.time)
		// Parent and Sampled are the function's own: the caller's header has the root only.
		root, _, _ := strings.Cut(in.traceID, ";")
		in.header.Set("X-Amzn-Trace-Id", root)
	}
	// What is true, and not AWS's https and 443: from these a function makes links to itself.
	in.header.Set("X-Forwarded-Proto", "http")
	in.header.Set("X-Forwarded-Port", "80")
	if _, port, err := net.SplitHostPort(r.Host); err == nil {
		in.header.Set("X-Forwarded-Port", port)
	}
	in.header.Set("X-Forwarded-For", strings.Join(append(r.Header.Values("X-Forwarded-For"), in.sourceIP), ", "))
	return in
}

// domain returns the host name that was asked, without the port, and its first label.
func (in *httpRequest) domain() (name, prefix string) {
	name = (&url.URL{Host: in.header.Get("Host")}).Hostname()
	prefix, _, _ = strings.Cut(name, ".")
	return name, prefix
}

// lowerHeaders returns the headers with lower-case names, the values of each joined.
func (in *httpRequest) lowerHeaders() map[string]string {
	headers := map[string]string{}
	for name, values := range in.header {
		headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	return headers
}

// A parameter is one of a query string.
type parameter struct {
	name, value string
}

// parameters returns those of the query string in their order, decoded or as they came.
// What cannot be decoded is left as it is: AWS refuses no request for it.
func (in *httpRequest) parameters(decoded bool) []parameter {
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

// isText reports whether AWS gives a body of this Content-Type to the function as
// text. Its documents do not say which types do; that these are all, and that a form
// is not one of them, was seen of HTTP APIs and of load balancers.
func (in *httpRequest) isText() bool {
	kind, _, err := mime.ParseMediaType(in.header.Get("Content-Type"))
	if err != nil {
		return false
	}
	return strings.HasPrefix(kind, "text/") ||
		slices.Contains([]string{"application/json", "application/javascript", "application/xml"}, kind)
}

// bodyAs returns the body as text, or in base64, which what is not UTF-8 always is.
func (in *httpRequest) bodyAs(text bool) (body string, isBase64 bool) {
	if len(in.body) == 0 {
		return "", false
	}
	if text && utf8.Valid(in.body) {
		return string(in.body), false
	}
	return base64.StdEncoding.EncodeToString(in.body), true
}
