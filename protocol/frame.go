package protocol

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

const (
	headerSize = 4

	// MaxControl is the size of the largest control frame, in bytes. R truncates error
	// messages and log records well below it.
	MaxControl = 8 << 20

	// MaxPayload is the size of the largest payload frame, in bytes, which is that of the
	// longest R string. The reader of a result sets a far lower limit.
	MaxPayload = 1<<31 - 1

	// MaxChunk is the size of the largest piece of a streamed answer, in bytes. It bounds the
	// memory that a stream needs in bootstrap.
	MaxChunk = 1 << 20
)

// allocStep bounds what is allocated for a length alone, in bytes. The buffer of a larger frame
// grows as its bytes arrive. Lambda accepts no larger result, so each result that it accepts
// gets a buffer of its size at once.
const allocStep = 8 << 20

// A Writer writes frames. It is not safe for concurrent use.
type Writer struct {
	w *bufio.Writer
}

// NewWriter returns a Writer that writes to w.
func NewWriter(w io.Writer) *Writer {
	return &Writer{w: bufio.NewWriter(w)}
}

// WriteMessage writes the control frame m, one of Hello, Phase, Fork, Ack and Shutdown.
func (w *Writer) WriteMessage(m any) error {
	if err := w.control(m); err != nil {
		return err
	}
	return w.w.Flush()
}

// WriteMessagePayload writes the control frame m and its payload frame. A small message is one
// write.
func (w *Writer) WriteMessagePayload(m any, payload []byte) error {
	if err := w.control(m); err != nil {
		return err
	}
	if err := w.frame(payload, MaxPayload); err != nil {
		return err
	}
	return w.w.Flush()
}

// A Payload is a payload frame that is written piece by piece.
type Payload interface {
	Size() int64 // in bytes
	io.WriterTo
}

// WriteInvoke writes inv, its event and, if it is not nil, the decoded event.
func (w *Writer) WriteInvoke(inv Invoke, event []byte, decoded Payload) error {
	inv.Decoded = decoded != nil
	if err := w.control(inv); err != nil {
		return err
	}
	if err := w.frame(event, MaxPayload); err != nil {
		return err
	}
	if decoded != nil {
		if err := w.header(decoded.Size(), MaxPayload); err != nil {
			return err
		}
		n, err := decoded.WriteTo(w.w)
		if err != nil {
			return err
		}
		if n != decoded.Size() {
			return fmt.Errorf("decoded event of %d bytes, but %d were written", decoded.Size(), n)
		}
	}
	return w.w.Flush()
}

func (w *Writer) control(m any) error {
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode control frame: %w", err)
	}
	return w.frame(body, MaxControl)
}

func (w *Writer) frame(body []byte, limit int) error {
	if err := w.header(int64(len(body)), limit); err != nil {
		return err
	}
	_, err := w.w.Write(body)
	return err
}

// header begins a frame of size bytes.
func (w *Writer) header(size int64, limit int) error {
	if size > int64(limit) {
		return &FrameTooLargeError{Size: size, Limit: int64(limit)}
	}
	var header [headerSize]byte
	binary.BigEndian.PutUint32(header[:], uint32(size))
	_, err := w.w.Write(header[:])
	return err
}

// A Reader reads frames. It is not safe for concurrent use.
type Reader struct {
	r *bufio.Reader
}

// NewReader returns a Reader that reads from r.
func NewReader(r io.Reader) *Reader {
	return &Reader{r: bufio.NewReaderSize(r, 64<<10)}
}

// ReadReply reads one control frame from R. At the end of the stream, between two frames, it
// returns io.EOF. If a frame is cut short, too long or not a JSON object of a known type, it
// returns a *ProtocolError.
func (r *Reader) ReadReply() (Reply, error) {
	body, err := r.frame(nil, MaxControl)
	if large, ok := errors.AsType[*FrameTooLargeError](err); ok {
		return Reply{}, &ProtocolError{Reason: "control frame", Err: large}
	}
	if err != nil {
		return Reply{}, err
	}
	var reply Reply
	if err := json.Unmarshal(body, &reply); err != nil {
		return Reply{}, &ProtocolError{Reason: "control frame is not a JSON message", Err: err}
	}
	if err := reply.check(); err != nil {
		return Reply{}, err
	}
	reply.Size = len(body)
	return reply, nil
}

// Buffered returns how many bytes were read from the pipe and not yet returned.
func (r *Reader) Buffered() int { return r.r.Buffered() }

// ReadPayload reads the payload frame that follows a control frame. If it is longer than limit
// bytes, ReadPayload reads nothing of its body and returns a *FrameTooLargeError; Discard then
// skips the body.
func (r *Reader) ReadPayload(limit int) ([]byte, error) {
	return r.payload(nil, limit)
}

// ReadChunk reads the payload frame of a chunk, into buf if that has room.
func (r *Reader) ReadChunk(buf []byte) ([]byte, error) {
	body, err := r.payload(buf, MaxChunk)
	if large, ok := errors.AsType[*FrameTooLargeError](err); ok && large.Size <= MaxPayload {
		return nil, &ProtocolError{Reason: "chunk", Err: large}
	}
	return body, err
}

func (r *Reader) payload(buf []byte, limit int) ([]byte, error) {
	body, err := r.frame(buf, limit)
	if err == io.EOF {
		return nil, &ProtocolError{Reason: "no payload after its control frame", Err: io.ErrUnexpectedEOF}
	}
	if large, ok := errors.AsType[*FrameTooLargeError](err); ok && large.Size > MaxPayload {
		return nil, &ProtocolError{Reason: "payload frame", Err: large}
	}
	return body, err
}

// Discard skips size bytes: the body of a payload frame that ReadPayload refused.
func (r *Reader) Discard(size int64) error {
	n, err := io.CopyN(io.Discard, r.r, size)
	if err == io.EOF {
		return cutShort(n, size)
	}
	return err
}

// frame reads a frame, into buf if that has room.
func (r *Reader) frame(buf []byte, limit int) ([]byte, error) {
	var header [headerSize]byte
	n, err := io.ReadFull(r.r, header[:])
	if err == io.ErrUnexpectedEOF {
		return nil, cutShort(int64(n), headerSize)
	}
	if err != nil {
		return nil, err
	}
	size := int64(binary.BigEndian.Uint32(header[:]))
	if size > int64(limit) {
		return nil, &FrameTooLargeError{Size: size, Limit: int64(limit)}
	}
	body := buf[:0]
	if body == nil || int64(cap(body)) < min(size, allocStep) {
		body = make([]byte, 0, min(size, allocStep))
	}
	for int64(len(body)) < size {
		if len(body) == cap(body) {
			body = append(make([]byte, 0, min(size, 4*int64(cap(body)))), body...)
		}
		n, err := r.r.Read(body[len(body):min(int64(cap(body)), size)])
		body = body[:len(body)+n]
		if err == io.EOF && int64(len(body)) < size {
			return nil, cutShort(int64(len(body)), size)
		}
		if err != nil && err != io.EOF {
			return nil, err
		}
	}
	return body, nil
}

// cutShort returns the error of a frame that ends after got of want bytes.
func cutShort(got, want int64) error {
	return &ProtocolError{
		Reason: fmt.Sprintf("frame cut short: %d of %d bytes", got, want),
		Err:    io.ErrUnexpectedEOF,
	}
}
