package front

import (
	"errors"
	"strconv"
	"strings"
)

// latticeEvent returns the event of VPC Lattice in event structure 2.0 (AWS documentation,
// "Lambda functions as targets in VPC Lattice"). Headers and parameters are lists.
func latticeEvent(in *request) map[string]any {
	headers := map[string][]string{}
	for name, values := range in.header {
		headers[strings.ToLower(name)] = values
	}
	query := map[string][]string{}
	for _, p := range in.parameters(true) {
		query[p.name] = append(query[p.name], p.value)
	}
	body, isBase64 := in.bodyAs(in.isText() && len(headers["content-encoding"]) == 0)
	return map[string]any{
		"version":               "2.0",
		"path":                  in.path,
		"method":                in.method,
		"headers":               headers,
		"queryStringParameters": query,
		"body":                  body,
		"isBase64Encoded":       isBase64,
		"requestContext": map[string]any{
			"serviceNetworkArn": "arn:aws:vpc-lattice:us-east-1:012345678912:servicenetwork/sn-0123456789abcdef0",
			"serviceArn":        "arn:aws:vpc-lattice:us-east-1:012345678912:service/svc-0123456789abcdef0",
			"targetGroupArn":    "arn:aws:vpc-lattice:us-east-1:012345678912:targetgroup/tg-0123456789abcdef0",
			"identity":          map[string]any{"sourceVpcArn": "arn:aws:ec2:us-east-1:012345678912:vpc/vpc-0123456789abcdef0"},
			"region":            "us-east-1",
			"timeEpoch":         strconv.FormatInt(in.time.UnixMicro(), 10),
		},
	}
}

func latticeResponse(result []byte) (*response, error) {
	fields := object(result)
	if fields["statusCode"] == nil {
		return nil, errors.New(`it has no statusCode: want an object like {"statusCode": 200, "body": "text"}`)
	}
	delete(fields, "multiValueHeaders") // a field of other services
	return parseResponse(fields, "application/octet-stream")
}
