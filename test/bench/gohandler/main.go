// Gohandler is the baseline of the benchmarks: the parity function in Go, on AWS's Go runtime. It
// also has the other functions that the peers serve.
package main

import (
	"os"
	"strings"

	"github.com/aws/aws-lambda-go/lambda"
)

type event struct {
	Number  int      `json:"number"`
	Records []record `json:"records"`
	N       int      `json:"n"`
}

type record struct {
	ID     int     `json:"id"`
	Name   string  `json:"name"`
	Amount int     `json:"amount"`
	Price  float64 `json:"price"`
	Active bool    `json:"active"`
	Day    string  `json:"day"`
	Note   *string `json:"note"`
}

type row struct {
	ID   int     `json:"id"`
	Half float64 `json:"half"`
	Name string  `json:"name"`
}

func parity(e event) (any, error) {
	if e.Number%2 == 0 {
		return map[string]string{"parity": "even"}, nil
	}
	return map[string]string{"parity": "odd"}, nil
}

func records(e event) (any, error) {
	total := 0
	for _, r := range e.Records {
		total += r.Amount
	}
	return map[string]int{"n": len(e.Records), "total": total}, nil
}

func rows(e event) (any, error) {
	all := make([]row, e.N)
	for i := range all {
		all[i] = row{i + 1, float64(i+1) / 2, "row"}
	}
	return all, nil
}

func pid(event) (any, error) { return map[string]int{"pid": os.Getpid()}, nil }

func main() {
	functions := map[string]func(event) (any, error){"parity": parity, "records": records, "rows": rows, "pid": pid}
	name := os.Getenv("_HANDLER")
	lambda.Start(functions[name[strings.LastIndexByte(name, '.')+1:]])
}
