package worker

import (
	"io"
	"log/slog"

	"lambda-r-runtime/protocol"
)

// stream copies the chunks of a streamed result to out, until R ends the stream. The control
// frame of the first chunk is first. It returns what Invoke returns.
//
// R sends the next chunk only after the ack of the last one, which follows the write to out. So
// a slow reader slows R down, and one buffer is enough for a stream. After out has failed, it
// is called for the later chunks, too, and each ack carries its error to R.
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
