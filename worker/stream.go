package worker

import (
	"io"
	"log/slog"
	"time"

	"lambda-r-runtime/protocol"
)

// stream passes the chunks of a streamed result on to out, from the first one, whose
// control frame was read, until R says that it is the end. Its error is that of Invoke.
//
// Each chunk is acknowledged when it was written, and R sends the next one only then. So
// whoever reads slowly slows R down, and one buffer is all that a stream takes. Once out
// has failed, it is still asked about each chunk: it says again why.
func (w *Worker) stream(first protocol.Reply, out io.Writer, log *slog.Logger) error {
	log.Debug("stream begun", "content_type", first.ContentType)
	var buf []byte
	var chunks, total int64
	for reply := first; ; {
		switch reply.Type {
		case protocol.TypeChunk:
			chunk, err := w.reader.ReadChunk(buf)
			if err != nil {
				return w.broken(err)
			}
			buf = chunk
			if len(chunk) > 0 {
				_, err = out.Write(chunk)
			}
			if err := w.writer.WriteMessage(protocol.NewAck(err)); err != nil {
				return w.broken(err)
			}
			chunks++
			total += int64(len(chunk))
		case protocol.TypeEnd:
			w.rTime = time.Duration(reply.RMs * float64(time.Millisecond))
			log.Debug("frame received", "type", reply.Type, "chunks", chunks, "bytes", total, "r_ms", reply.RMs)
			if reply.Error != nil {
				return reply.Error
			}
			return nil
		default:
			return w.broken(unexpected(reply, "chunk or end"))
		}
		var err error
		if reply, err = w.await(first.ID); err != nil {
			return w.broken(err)
		}
	}
}
