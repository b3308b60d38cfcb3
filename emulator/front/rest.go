package front

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// restEvent returns the event of an API Gateway REST API with the resources / and /{proxy+}
// (AWS documentation, "Lambda proxy integrations in API Gateway"). Absent values are null,
// which the types of aws-lambda-go cannot express.
//
// The binary media types of an API decide which bodies are in base64. Here text is text and
// the rest is base64, which suits every such setting.
func restEvent(in *request) map[string]any {
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

// restKeys are the keys that a REST API accepts in a result. Any other is an error.
var restKeys = []string{"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}

func restResponse(result []byte) (*response, error) {
	fields := object(result)
	for key := range fields {
		if !slices.Contains(restKeys, key) {
			return nil, fmt.Errorf("it has a key %.100q: a REST API accepts only %s", key, strings.Join(restKeys, ", "))
		}
	}
	return multiValueResponse(fields, "application/json")
}
