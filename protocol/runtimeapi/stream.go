package runtimeapi

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"sync"
)

// A Prelude is the head of an HTTP response. Its JSON is sent before the body.
type Prelude struct {
	StatusCode int               `json:"statusCode"`
	Headers    map[string]string `json:"headers,omitempty"`
	Cookies    []string          `json:"cookies,omitempty"` // whole Set-Cookie values
}

// A Stream is a response that is posted while it is produced. Write and Close must be called
// by one goroutine at a time; Cut may be called by any.
type Stream interface {
	// Write sends a piece of the response. It returns when the connection has taken all of
	// it, so it is no faster than the reader at the other end. It fails after Cut, after the
	// connection broke, and after the Runtime API answered before the end of the stream.
	io.Writer

	// Cut makes Write fail with err from now on, even one that is waiting. A part of that
	// one's piece may have been sent.
	Cut(err error)

	// Close ends the stream: as complete or, with a report, as broken off. It waits for the
	// answer until ctx ends, and then breaks the connection. It must be called once, and it
	// is the one report of its invocation, whatever it returns. The error is a *StatusError
	// if the API answered, and another one if the connection broke.
	Close(ctx context.Context, r *ErrorReport) error
}

// errEarly is the error of a Write after the Runtime API has accepted the response.
var errEarly = errors.New("the Runtime API accepted the response before its end")

// RespondStream begins the report that inv succeeded. With a prelude, the response is one to
// an HTTP request; otherwise it has the content type, or is bytes if that is "".
//
// A stream is never sent twice: if its connection breaks, it has failed.
func (c *Client) RespondStream(inv *Invocation, contentType string, prelude *Prelude) Stream {
	s := &stream{
		pieces:   make(chan []byte),
		copied:   make(chan int),
		cut:      make(chan struct{}),
		ended:    make(chan struct{}),
		answered: make(chan struct{}),
		trailer:  http.Header{HeaderErrorType: nil, HeaderErrorBody: nil},
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	h := http.Header{
		"Content-Type":     {contentType},
		HeaderResponseMode: {ModeStreaming},
		"User-Agent":       {c.userAgent},
	}
	if contentType == "" {
		h.Set("Content-Type", contentTypeBytes)
	}
	if prelude != nil {
		h.Set("Content-Type", ContentTypeHTTP)
		s.head = append(encode(prelude), PreludeEnd...)
	}
	if inv.InvocationID != "" {
		h.Set(HeaderInvocationID, inv.InvocationID)
	}
	go func() { // Close waits for it
		defer close(s.answered)
		s.err = c.postStream(ctx, reportPath(inv, "response"), h, s)
	}()
	return s
}

func (c *Client) postStream(ctx context.Context, path string, h http.Header, s *stream) error {
	const op = "POST /invocation/{id}/response"
	// A body of unknown length is sent in chunks, each immediately.
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, streamBody{s})
	if err != nil {
		return err
	}
	req.Header = h
	req.Trailer = s.trailer
	resp, err := c.do(op, req, http.StatusAccepted)
	if err != nil {
		return err
	}
	return drain(op, resp)
}

// A stream hands what is written over to the goroutine that posts it. It is not an io.Pipe,
// because Cut must make Write fail while the body goes on to its trailers, and closing a pipe
// ends both.
type stream struct {
	head   []byte // sent first; nil once sent
	cancel context.CancelFunc

	pieces chan []byte // from Write: the rest of its piece
	copied chan int    // to Write: how much of that was taken

	cut     chan struct{} // closed by the first Cut, which has set cutErr
	cutOnce sync.Once
	cutErr  error
	ended   chan struct{} // closed by Close, which has set report
	report  *ErrorReport
	trailer http.Header // of the post; set by the last Read, because net/http reads it afterwards

	answered chan struct{} // closed when the post has ended with err
	err      error
}

func (s *stream) Write(piece []byte) (int, error) {
	written := 0
	for written < len(piece) {
		select {
		case <-s.cut:
			return written, s.cutErr
		default:
		}
		select {
		case s.pieces <- piece[written:]:
			written += <-s.copied
		case <-s.cut:
			return written, s.cutErr
		case <-s.answered:
			if s.err == nil {
				return written, errEarly
			}
			return written, s.err
		}
	}
	return written, nil
}

func (s *stream) Cut(err error) {
	s.cutOnce.Do(func() {
		s.cutErr = err
		close(s.cut)
	})
}

func (s *stream) Close(ctx context.Context, r *ErrorReport) error {
	s.report = r
	close(s.ended)
	defer s.cancel()
	defer context.AfterFunc(ctx, s.cancel)()
	<-s.answered
	return s.err
}

// A streamBody is the body of the post.
type streamBody struct{ *stream }

func (b streamBody) Read(p []byte) (int, error) {
	if len(b.head) > 0 {
		n := copy(p, b.head)
		b.head = b.head[n:]
		return n, nil
	}
	select {
	case piece := <-b.pieces:
		n := copy(p, piece)
		b.copied <- n
		return n, nil
	case <-b.ended:
		if r := b.report; r != nil {
			b.trailer.Set(HeaderErrorType, r.HeaderType())
			b.trailer.Set(HeaderErrorBody, base64.StdEncoding.EncodeToString(r.ShortBody()))
		}
		return 0, io.EOF
	}
}

// Close does nothing: a Read that still waits when the post is over ends with the stream.
func (b streamBody) Close() error { return nil }
