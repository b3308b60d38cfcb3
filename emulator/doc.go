// Package emulator runs one function on one machine. It serves Lambda's Runtime API to the
// runtime and the Invoke API to callers. `bootstrap local` serves them on separate addresses,
// because a client of the Runtime API can take events and answer them; tests serve both with
// one http.Handler. With Config.HTTP the emulator also turns HTTP requests into invocations,
// as a function URL, an API Gateway or a load balancer does in AWS.
//
// Invocations wait in one queue until the runtime asks for them, in the order of their
// arrival. The timeout of an invocation starts when it is handed out. If the runtime misses
// the deadline, the caller gets Lambda's error and the late report is refused.
//
// A streamed response is passed on while it comes and is not kept. What the caller gets
// depends on how it calls:
//
//	InvokeWithResponseStream    one event per chunk, then a final event that carries any error
//	Invoke                      everything at the end, up to 6 MB, including the prelude
//	HTTP, function URL or REST  status, headers and cookies of the prelude, then each chunk;
//	                            after an error, a closed connection
//	HTTP, load balancer         as Invoke: a load balancer supports neither streams nor preludes
//
// A stream ends at the deadline, at 200 MB, or when its caller leaves. The runtime's POST is
// then refused although it is still in progress. In AWS a function continues without its
// caller; during development it should not write with no reader until its deadline.
//
// With Config.SnapStart, the function starts from a snapshot, which the program around the
// emulator takes and restores. The emulator only serves the calls that belong to it.
//
// An asynchronous invocation that fails is retried twice, with the same request id, and then
// discarded as Lambda does, but sooner: a second stands for each minute of Lambda's. Function errors
// count as attempts. An event that finds the queue full continues to wait until it is too old.
//
// Other differences from Lambda: bandwidth is not limited, and no event has a Cognito identity,
// which Lambda takes from the signature of a call.
package emulator
