package front

import (
	"net/http"
	"strings"
)

// urlEvent returns the event of a function URL without authorization (AWS documentation,
// "Invoking Lambda function URLs"). It is also payload format 2.0 of an HTTP API. The types of
// aws-lambda-go lack some of its keys.
//
// The path stays percent-encoded, as with a function URL. An HTTP API decodes it.
func urlEvent(in *request) map[string]any {
	domain, prefix := in.domain()
	body, isBase64 := in.bodyAs(in.isText())
	event := map[string]any{
		"version":        "2.0",
		"routeKey":       "$default",
		"rawPath":        in.path,
		"rawQueryString": in.rawQuery,
		"requestContext": map[string]any{
			"accountId":    "anonymous",
			"apiId":        prefix,
			"domainName":   domain,
			"domainPrefix": prefix,
			"http": map[string]any{
				"method":    in.method,
				"path":      in.path,
				"protocol":  in.proto,
				"sourceIp":  in.sourceIP,
				"userAgent": in.header.Get("User-Agent"),
			},
			"requestId": in.id,
			"routeKey":  "$default",
			"stage":     "$default",
			"time":      in.time.Format(clf),
			"timeEpoch": in.time.UnixMilli(),
		},
		"isBase64Encoded": isBase64,
	}
	headers := in.lowerHeaders()
	if cookies := in.cookies(); cookies != nil {
		event["cookies"] = cookies
		delete(headers, "cookie")
	}
	event["headers"] = headers
	if parameters := in.parameters(true); parameters != nil {
		every, joined := map[string][]string{}, map[string]string{}
		for _, p := range parameters {
			every[p.name] = append(every[p.name], p.value)
		}
		for name, values := range every {
			joined[name] = strings.Join(values, ",")
		}
		event["queryStringParameters"] = joined
	}
	if body != "" {
		event["body"] = body
	}
	return event
}

// cookies returns the cookies of the request, each as name=value.
func (in *request) cookies() []string {
	var cookies []string
	for _, header := range in.header.Values("Cookie") {
		for cookie := range strings.SplitSeq(header, ";") {
			if cookie = strings.TrimSpace(cookie); cookie != "" {
				cookies = append(cookies, cookie)
			}
		}
	}
	return cookies
}

// urlResponse reads the result of a function behind a function URL: a response if it has a
// statusCode, or else the body of one.
func urlResponse(result []byte) (*response, error) {
	fields := object(result)
	if fields["statusCode"] == nil {
		return &response{http.StatusOK, http.Header{"Content-Type": {"application/json"}}, result}, nil
	}
	delete(fields, "multiValueHeaders") // a field of payload format 1.0
	return parseResponse(fields, "application/json")
}
