// Package runtimeapi is a client of the AWS Lambda Runtime API, version
// 2018-06-01: the interface through which a runtime takes invocations and
// reports what became of them (AWS documentation, "Using the Lambda runtime API
// for custom runtimes").
//
// The client does what it is told, once. What a failed call means for the
// runtime is decided by its caller.
package runtimeapi
