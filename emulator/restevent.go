package emulator

import (
	"net/url"
	"strings"
)

// restEvent is the event of an API Gateway REST API that hands everything to the
// function, by a resource / and a resource /{proxy+} (AWS documentation, "Lambda proxy
// integrations in API Gateway"). What is absent is null here, which the events of
// aws-lambda-go cannot say.
//
// Which bodies come in base64 is a setting of the API, its binary media types. This one
// has what works with all of them: text is text, and the rest is base64.
func restEvent(in *httpRequest) map[string]any {
	domain, prefix := in.domain()
	resource, parameters := "/", any(nil)
	if proxy := strings.TrimPrefix(in.path, "/"); proxy != "" {
		if plain, err := url.PathUnescape(proxy); err == nil {
			proxy = plain
		}
		resource, parameters = "/{proxy+}", map[string]string{"proxy": proxy}
	}
	headers := map[string]string{}
	for name, values := range in.header {
		headers[name] = values[len(values)-1]
	}
	var query, multiQuery any
	if all := in.parameters(true); all != nil {
		last, every := map[string]string{}, map[string][]string{}
		for _, p := range all {
			last[p.name] = p.value
			every[p.name] = append(every[p.name], p.value)
		}
		query, multiQuery = last, every
	}
	text, isBase64 := in.bodyAs(true)
	body := any(nil)
	if text != "" {
		body = text
	}
	userAgent := any(nil)
	if given := in.header.Get("User-Agent"); given != "" {
		userAgent = given
	}
	return map[string]any{
		"resource":                        resource,
		"path":                            in.path,
		"httpMethod":                      in.method,
		"headers":                         headers,
		"multiValueHeaders":               in.header,
		"queryStringParameters":           query,
		"multiValueQueryStringParameters": multiQuery,
		"pathParameters":                  parameters,
		"stageVariables":                  nil,
		"requestContext": map[string]any{
			"accountId":         "012345678912",
			"apiId":             prefix,
			"deploymentId":      "local",
			"domainName":        domain,
			"domainPrefix":      prefix,
			"extendedRequestId": in.id,
			"httpMethod":        in.method,
			"identity": map[string]any{
				"accessKey":                     nil,
				"accountId":                     nil,
				"caller":                        nil,
				"cognitoAuthenticationProvider": nil,
				"cognitoAuthenticationType":     nil,
				"cognitoIdentityId":             nil,
				"cognitoIdentityPoolId":         nil,
				"principalOrgId":                nil,
				"sourceIp":                      in.sourceIP,
				"user":                          nil,
				"userAgent":                     userAgent,
				"userArn":                       nil,
			},
			"path":             in.path,
			"protocol":         in.proto,
			"requestId":        in.id,
			"requestTime":      in.time.Format(clf),
			"requestTimeEpoch": in.time.UnixMilli(),
			"resourceId":       "local",
			"resourcePath":     resource,
			"stage":            "local",
		},
		"body":            body,
		"isBase64Encoded": isBase64,
	}
}
