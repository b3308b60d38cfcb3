// Package console serves the page that `bootstrap local` has at /_console: it invokes the function,
// shows what the slots and their workers do, and makes workers fail on request.
//
// A Console receives what happens from the supervisor (Observe), the emulator (Called and Ended) and
// the log (Tee). It keeps the latest thousand invocations, and of their events, answers and log
// lines at most 32 MB. Every record has the number of its last change. A browser gets, as
// server-sent events, the records that have changed since the number that it saw last. So nothing
// is queued for a browser, a slow one gets several changes at once, and one that was away
// catches up. A Console starts no goroutine.
//
// The page is static and requests nothing from elsewhere. Events, answers and log lines are
// hostile: the page writes them as text only. The one exception is an HTML answer, which is shown in
// a sandboxed frame without scripts, with a policy of its own.
package console
