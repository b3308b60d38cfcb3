// Package runtimeapi is a client of the AWS Lambda Runtime API, version 2018-06-01: the
// interface through which a runtime takes invocations and reports their results (AWS
// documentation, "Using the Lambda runtime API for custom runtimes").
//
// The client makes each call once. Its caller decides what a failed call means.
package runtimeapi
