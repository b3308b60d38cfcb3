// Gohandler is the baseline of the benchmarks: the parity function in Go, on AWS's Go runtime.
package main

import "github.com/aws/aws-lambda-go/lambda"

type event struct {
	Number int `json:"number"`
}

func parity(e event) (map[string]string, error) {
	if e.Number%2 == 0 {
		return map[string]string{"parity": "even"}, nil
	}
	return map[string]string{"parity": "odd"}, nil
}

func main() { lambda.Start(parity) }
