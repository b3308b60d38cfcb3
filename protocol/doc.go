// Package protocol is the language that bootstrap and one R process speak over
// two pipes: file descriptor 3 carries requests to R, file descriptor 4 carries
// replies from R. Standard input, output and error are never part of it.
//
// Every frame is a length and that many bytes:
//
//	offset  size  what
//	0       4     n, the number of bytes that follow: unsigned, big-endian
//	4       n     control frame: one JSON object in UTF-8, n ≤ MaxControl
//	              payload frame: any bytes, passed on verbatim, n ≤ MaxPayload
//
// A message is one control frame; the types marked + are followed by exactly
// one payload frame:
//
//	to R    hello      first: the handler to load, and whether to time the calls that load it
//	        invoke  +  id, deadline_ms and the rest of Invoke; payload: the event
//	        ack        the log record or the chunk before was taken; of a chunk, with
//	                   gone, why it was not, and why no other one will be
//	        shutdown   run the shutdown hooks and exit with status 0
//	from R  ready      the handler is loaded: invocations may come
//	        init_error the handler could not be loaded: error; R exits
//	        log        one log record of invocation id, or of init without an id
//	        result  +  invocation id is answered; payload: the JSON of its value, or,
//	                   with an error, of what the caller of a failed one is told
//	        error      invocation id failed: error
//	        chunk   +  the next piece of a streamed response to invocation id; the first
//	                   one has what comes before it, see StreamHead; payload: the piece,
//	                   at most MaxChunk bytes
//	        end        the streamed response is complete; with an error, it broke off
//
// An invoke is answered by one result, one error, or one or more chunks and one end.
// Each chunk is followed by one ack, which R waits for: so R writes no faster than the
// caller reads, and no more than one chunk is ever under way.
//
// After a log frame R waits for an ack, so that what it prints afterwards comes
// afterwards in the log, too: standard output is another pipe. After a chunk it waits
// for one so that it goes no faster than whoever reads.
//
// Between an invoke and the last frame of its answer only log frames may come beside,
// and every reply echoes the invocation's id. Whatever else arrives is a ProtocolError:
// the two sides no longer agree on where a frame begins, so the worker is
// killed and never resynchronised.
//
// The lengths are checked before anything is allocated for them. A control
// frame over its limit is a violation; a payload over the limit that the reader
// asks for is a *FrameTooLargeError, and the reader may discard it and go on.
//
// testdata/frames.json holds vectors that the Go tests and the R tests both read.
package protocol
