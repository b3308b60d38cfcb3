package front_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"lambda-r-runtime/emulator/front"
	"lambda-r-runtime/protocol/runtimeapi"
)

const (
	withPrelude = runtimeapi.ContentTypeHTTP
	end         = runtimeapi.PreludeEnd
)

// write writes chunks to a stream up to the first error, and closes it.
func write(s *front.Stream, chunks ...string) error {
	for _, chunk := range chunks {
		if err := s.Write([]byte(chunk)); err != nil {
			return err
		}
	}
	return s.Close()
}

func TestStream(t *testing.T) {
	for _, row := range []struct {
		contentType string
		chunks      []string
		status      int
		wantType    string
		want        string
	}{
		{"", []string{"a", "b"}, 200, "application/octet-stream", "ab"},
		{"text/csv", []string{"a,", "b"}, 200, "text/csv", "a,b"},
		{"text/csv", nil, 200, "text/csv", ""},
		{withPrelude, []string{"{}" + end, "x"}, 200, "application/octet-stream", "x"},
		{withPrelude, []string{"{}\x00\x00\x00", "\x00\x00\x00", "\x00\x00x"}, 200, "application/octet-stream", "x"},
		{withPrelude, []string{`{"statusCode":404}` + end}, 404, "application/octet-stream", ""},
		{withPrelude, []string{`{"statusCode":204}` + end, "no body"}, 204, "application/octet-stream", ""},
		{withPrelude, []string{`{"headers":{"content-type":"a/b"},"body":"ignored"}` + end, end}, 200, "a/b", end},
	} {
		w := httptest.NewRecorder()
		s := front.NewStream(w, row.contentType)
		err := write(s, row.chunks...)
		if err != nil || !s.Started() || w.Code != row.status || w.Header().Get("Content-Type") != row.wantType || w.Body.String() != row.want {
			t.Errorf("%+v: got %d %v %q, %v", row, w.Code, w.Header(), w.Body, err)
		}
	}
}

// The headers are written with the prelude, before there is a body, and each chunk is flushed.
func TestStreamWritesAtOnce(t *testing.T) {
	w := httptest.NewRecorder()
	s := front.NewStream(w, withPrelude)
	for _, step := range []struct {
		chunk   string
		started bool
		body    string
	}{
		{`{"statusCode":201}`, false, ""},
		{end, true, ""},
		{"a", true, "a"},
	} {
		w.Flushed = false
		if err := s.Write([]byte(step.chunk)); err != nil {
			t.Fatal(err)
		}
		if s.Started() != step.started || w.Flushed != step.started || w.Body.String() != step.body {
			t.Errorf("after %q: started %v, flushed %v, body %q", step.chunk, s.Started(), w.Flushed, w.Body)
		}
	}
}

func TestInvalidPreludes(t *testing.T) {
	for prelude, reason := range map[string]string{
		"not JSON" + end:                               "its prelude is not a JSON object",
		`{"statusCode":"x"}` + end:                     "want a number from 200 to 599",
		`{"headers":{"a":"x\r\nSet-Cookie: y"}}` + end: "line break",
		strings.Repeat(" ", 64<<10+1):                  "its prelude has more than 65536 bytes",
		"{}":                                           "it ends before its prelude does",
		"":                                             "it ends before its prelude does",
	} {
		w := httptest.NewRecorder()
		s := front.NewStream(w, withPrelude)
		err := write(s, prelude)
		if e, ok := errors.AsType[*front.PreludeError](err); !ok || !strings.Contains(e.Reason, reason) {
			t.Errorf("%.30q: got %v, want %s", prelude, err, reason)
		}
		if s.Started() || w.Body.Len() > 0 || len(w.Header()) > 0 {
			t.Errorf("%.30q: wrote %v %q", prelude, w.Header(), w.Body)
		}
	}
}
