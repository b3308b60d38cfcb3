package front

// albEvent returns the event of an Application Load Balancer whose target group has no
// multi-value headers (AWS documentation, "Lambda functions as targets"). The query string
// stays percent-encoded.
func albEvent(in *request) map[string]any {
	query := map[string]string{}
	for _, p := range in.parameters(false) {
		query[p.name] = p.value // the last one wins
	}
	headers := in.lowerHeaders()
	// A compressed body is in base64, even if its content is text.
	body, isBase64 := in.bodyAs(in.isText() && headers["content-encoding"] == "")
	return map[string]any{
		"requestContext": map[string]any{"elb": map[string]any{
			"targetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:012345678912:targetgroup/local/0123456789abcdef",
		}},
		"httpMethod":            in.method,
		"path":                  in.path,
		"queryStringParameters": query,
		"headers":               headers,
		"body":                  body,
		"isBase64Encoded":       isBase64,
	}
}

func albResponse(result []byte) (*response, error) {
	return multiValueResponse(object(result), "application/octet-stream")
}
