// Package durable runs an invocation of a durable execution: it reads the state that Lambda stores of
// the execution, stores what the handler's operations report, and makes the answer.
//
// Lambda invokes a durable function again and again until it returns. Each time, the handler runs from
// its top, and its operations look up what is stored. An Execution is one of these invocations:
//
//	Begin    reads the event and all further pages of the state
//	Operate  looks an operation up, or stores it with a checkpoint
//	Conclude returns the answer: SUCCEEDED, FAILED or PENDING, or why Lambda must invoke again
//
// Each checkpoint takes the token of the one before, so they are sent one at a time. The start of a
// step or a child context is sent with what follows it, or alone after a moment.
//
// An error of the API is one of three things. Errors that may pass are retried until the invocation's
// deadline; then the invocation fails, and Lambda retries that. So does a token that is stale. All
// other errors fail the execution, because a retry would repeat them for hours.
//
// The package does not know in which language the handler is written.
package durable
