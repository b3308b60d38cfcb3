// Package supervisor decides: when a worker is spawned, when the Runtime API is
// asked for an event, how long a handler may run, and what becomes of each
// failure. It moves no bytes to R and starts no process itself.
//
// There are N slots. A slot owns one worker, one backoff and one poll of /next,
// and shares nothing with the other slots but a count of those that have given up and,
// until its first worker is ready, the turns in which the slots begin (turn.go).
//
//	           ┌──────────────── retry ────────────────┐
//	           ▼                                       │
//	      ┌──────────┐  not ready, or it died   ┌──────────┐
//	─────►│ spawning │─────────────────────────►│ backoff  │
//	      └──────────┘                          └──────────┘
//	           │ ready                               ▲
//	           ▼              died idle              │
//	      ┌──────────┐───────────────────────────────┤
//	      │  ready   │                               │
//	      └──────────┘                               │
//	   event │    ▲ answered                         │
//	         ▼    │                                  │
//	      ┌──────────┐  died, deadline,         ┌──────────┐
//	      │   busy   │─────────────────────────►│  reaped  │
//	      └──────────┘  protocol broken         └──────────┘
//
// From ready a shutdown leads to draining: R is asked to exit, then reaped.
//
// Polling is the credit: a slot asks for an event only while its worker is ready,
// so nothing waits behind a dead R. A worker that dies while its slot's poll is
// open is replaced while the poll stays open, because cancelling it could lose an
// event; an event that comes meanwhile is held until the new worker is ready, or
// until its deadline is near.
//
// Goroutines of a slot, all of which Run waits for: run, its event loop, which
// owns every field; one for each spawn and one for each poll, which send what came
// of it on a channel with room for it. The file descriptors belong to the worker.
package supervisor
