// Package emulator is a Lambda for one function on one machine: the Runtime API
// for the runtime, and the Invoke API for its callers, behind one http.Handler. It
// is what `bootstrap local` serves, and what the tests run against. Where Config.HTTP
// says so it is also what AWS has between HTTP and a function.
//
// Invocations wait in one queue, first come, first served, until the runtime asks
// for them. Each gets its deadline when it is handed out. Where the runtime misses
// it, the caller is answered as Lambda would, and the late report is refused.
package emulator
