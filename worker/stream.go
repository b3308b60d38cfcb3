package worker

import (
	"io"
	"log/slog"

	"lambda-r-runtime/protocol"
)

// stream passes the chunks of a streamed result on to out, from the first one, whose
// control frame was read, until R ends the stream. It returns what Invoke does.
//
// Each chunk is acknowledged when it was written, and R sends the next one only then. So
// whoever reads slowly slows R down, and one buffer is all that a stream takes. Once out
// has failed, it is still asked about each chunk: it says again why.
func (w *Worker) stream(first protocol.Reply, out io.Writer, log *slog.Logger) (protocol.Answer, error) {
	log.Debug("stream begun", "content_type", first.ContentType)
	var buf []byte
	var chunks, total int64
	for reply := first; ; {
		switch reply.Type {
		case protocol.TypeChunk:
			chunk, err := w.reader.ReadChunk(buf)
			if err != nil {
				return protocol.Answer{}, w.broken(err)
			}
			buf = chunk
			if len(chunk) > 0 {
				_, err = out.Write(chunk)
			}
			if err := w.writer.WriteMessage(protocol.NewAck(err)); err != nil {
				return protocol.Answer{}, w.broken(err)
			}
			chunks++
			total += int64(len(chunk))
		case protocol.TypeEnd:
			log.Debug("frame received", "type", reply.Type, "chunks", chunks, "bytes", total, "r_ms", reply.RMs)
			return answerOf(reply), nil
		default:
			return protocol.Answer{}, w.broken(unexpected(reply, "chunk or end"))
		}
		var err error
		if reply, err = w.await(first.ID); err != nil {
			return protocol.Answer{}, w.broken(err)
		}
	}
}
