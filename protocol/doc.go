// Package protocol defines the frames that bootstrap and one R process exchange over two pipes:
// R reads requests from file descriptor 3 and writes replies to file descriptor 4. Standard
// input, output and error are not part of the protocol.
//
// A frame is a length and that many bytes:
//
//	offset  size  content
//	0       4     n, the number of bytes that follow: unsigned, big-endian
//	4       n     control frame: one JSON object in UTF-8, n ≤ MaxControl
//	              payload frame: any bytes, passed on verbatim, n ≤ MaxPayload
//
// A message is one control frame. Types marked + are followed by exactly one payload frame, except
// that an invoke with decoded is followed by two:
//
//	to R    hello      the first message: the handler to load
//	        invoke  +  an invocation: its id, deadline and context; payload: the event. With decoded,
//	                   the second payload is the event as R's unserialize() reads it
//	        prime      run the handler on its sample events
//	        snapshot   run the hooks of on_snapshot()
//	        restore    renew random numbers and the like, and run the hooks of on_restore()
//	        ack        the last chunk was passed on; with gone, that chunk and all later ones
//	                   are dropped, for this reason
//	        outcome +  the answer to an operation; payload: what is stored, if has_payload
//	        check      look for what forked workers would share
//	        template   prepare for forks
//	        threads    use these numbers of threads
//	        fork       fork a worker with the pipes at these paths
//	        listen     a web server may open its port
//	        shutdown   run the shutdown hooks and exit with status 0
//	from R  ready      the handler is loaded, and R waits for invocations
//	        init_error the handler cannot be loaded: error; R exits
//	        forked     a worker was forked
//	        born       the first frame of a forked worker: its pid
//	        result  +  the answer to the invocation id; payload: JSON. With an error, the handler
//	                   failed, and the payload is what its caller gets. With tables, the payload
//	                   is what the package rvalue makes the JSON of
//	        error      the invocation id failed: error. Without an id, the phase or the fork failed
//	        entered    R has been through the phase
//	        operation + store and look up something of a durable execution; payload: the value,
//	                   if has_payload
//	        suspend    the handler of a durable execution waits, or was stopped by an outcome
//	        chunk   +  the next piece of a streamed answer to the invocation id; payload: at most
//	                   MaxChunk bytes. The first one carries the StreamHead
//	        end        the streamed answer is complete; with an error, it broke off
//
// R answers a phase (prime, snapshot, restore) with one entered or with one error without an id, and
// check, threads and template likewise.
//
// R answers a fork with one forked or with one error without an id. The worker that it forked sends
// born on pipes of its own and then waits for hello, as an R does that was not forked. An R that has
// forked must not be sent an invoke.
//
// The R of a web server sends ready when its script is about to open a port. It gets check, template and
// fork, and neither invoke nor a phase. After listen it no longer reads.
//
// R answers an invoke with one result, one error or one suspend, or with one or more chunks and one
// end. Before that, it may send operations if the invoke has an execution, and waits for one outcome
// each.
// R waits for an ack after each chunk. So R writes no faster than the caller reads, and bootstrap
// buffers no more than one chunk.
//
// Log records are not frames. R writes each one, a Record as JSON, to standard error, and a mark to
// standard output. So records keep their place among the lines that R code, C code and forked
// children print, and R waits for nothing. Hello.LogTag, which is secret, tells records from
// printed lines. The format is described in worker/process/merge.go.
//
// Every reply to an invoke has its id. Anything unexpected is a *ProtocolError: the two
// sides no longer agree on where a frame begins. The process is then killed; the pipes are never
// resynchronised.
//
// Lengths are checked before memory is allocated for them. A control frame over its limit is a
// *ProtocolError. A payload over the reader's limit is a *FrameTooLargeError: the reader may
// discard it and go on.
//
// The package also holds what the supervisor and the worker exchange about an invocation
// (Answer, ErrNotSent, WorkerStats), because neither imports the other.
//
// The Go tests and the R tests both read the test vectors in testdata/frames.json.
package protocol
