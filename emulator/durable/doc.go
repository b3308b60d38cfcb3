// Package durable runs durable executions on one machine, as Lambda does: it invokes the function until
// an execution ends, stores its operations, lets waits and pauses pass, and serves the API of Lambda for
// them.
//
// An execution is invoked when it starts, when something changes outside of an invocation (a wait ends,
// a callback is answered, an invoked function returns), and after an invocation has failed. There is
// never more than one invocation of an execution at a time; changes meanwhile cause the next one.
package durable
