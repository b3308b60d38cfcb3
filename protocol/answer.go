package protocol

import "time"

// An Answer is R's answer to one invocation.
//
// A failure that comes with a payload is for the log only, because the payload is the
// caller's answer: on HTTP sources a response of status 500. A streamed response is
// written before its Answer is returned; a failure then means that the stream broke off.
type Answer struct {
	Payload  []byte              // the JSON result; nil if R streamed it or only failed
	TooLarge *FrameTooLargeError // the result's size, if it was dropped for that; nil if it was not
	Failure  *HandlerError       // why the handler failed; nil if it did not
	Suspend  bool                // the handler of a durable execution waits for something, or was stopped
	RTime    time.Duration       // how long R worked on it, by R's clock; 0 if unknown
	Steps    *Steps              // the parts of RTime; nil if unknown
}

// WorkerStats describes a worker process at one moment.
type WorkerStats struct {
	PID   int
	RSS   int64 // resident memory in bytes; 0 if the process is dead
	Ready Ready // what R reported when it became ready
}
