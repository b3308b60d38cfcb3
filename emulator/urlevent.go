package emulator

import "strings"

// urlEvent is the event of a function URL without authorization (AWS documentation,
// "Invoking Lambda function URLs"), which an HTTP API's payload format 2.0 is, too.
// The events of aws-lambda-go lack the keys that a function URL borrows from an API.
//
// The path stays as it came, as a function URL leaves it; an HTTP API decodes it.
func urlEvent(in *httpRequest) map[string]any {
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

// cookies returns each cookie of the request, as name=value.
func (in *httpRequest) cookies() []string {
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
