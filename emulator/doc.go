// Package emulator is a Lambda for one function on one machine: the Runtime API
// for the runtime, and the Invoke API for its callers, behind one http.Handler. It
// is what `bootstrap local` serves, and what the tests run against. Where Config.HTTP
// says so it is also what AWS has between HTTP and a function.
//
// Invocations wait in one queue, first come, first served, until the runtime asks
// for them. Each gets its deadline when it is handed out. Where the runtime misses
// it, the caller is answered as Lambda would, and the late report is refused.
//
// A response that the runtime streams is passed on while it comes, and not kept. What
// the caller has of it depends on how it calls:
//
//	InvokeWithResponseStream    an event for each chunk, and a last one with the error
//	Invoke                      all of it at the end, up to 6 MB, prelude included
//	HTTP, function URL or REST  status, headers and cookies of the prelude, then each chunk;
//	                            at an error the connection is cut
//	HTTP, load balancer         as Invoke: a load balancer takes no streams and no prelude
//
// A stream ends at its deadline, at 200 MB, and, which is not so in AWS, when its caller
// leaves: a function that is tried out is not to write for nobody until its deadline.
// The runtime's POST is then refused while it goes on.
//
// What differs from Lambda besides: an Event that fails is not tried again, where Lambda
// tries twice more, after one minute and two; bandwidth is not limited; and no event has a
// Cognito identity, which Lambda takes from the credentials that a call is signed with.
package emulator
