package console

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"lambda-r-runtime/protocol/runtimeapi"
)

// A report is why an invocation or a spawn failed, with the source that its stack names.
type report struct {
	Type    string    `json:"type"`
	Message string    `json:"message"`
	Call    string    `json:"call"`
	Stack   []frame   `json:"stack"` // outermost call first
	Causes  []*report `json:"causes"`

	// Where is the place that the message begins with, such as functions.R:4:, if the source of no
	// call is known.
	Where *frame `json:"where"`
}

// A frame is one call of a stack.
type frame struct {
	Call   string  `json:"call"`
	File   string  `json:"file"`
	Line   int     `json:"line"`
	Source *source `json:"source"` // nil if it is unknown
}

// A source is some lines of a file.
type source struct {
	First int      `json:"first"` // number of the first line
	Lines []string `json:"lines"`
}

const (
	maxSources     = 10      // frames of a report whose source is read
	aroundLine     = 4       // lines that are shown before and after one
	maxSourceFile  = 1 << 20 // bytes of a file that is read
	maxSourceLine  = 400     // bytes of a line
	maxMessage     = 16 << 10
	maxErrorLength = 200
)

// newReport returns the report of r. It reads the files that the stack names, as they are now.
func (c *Console) newReport(r *runtimeapi.ErrorReport) *report {
	if r == nil {
		return nil
	}
	reader := sourceReader{dir: c.config.Root, left: maxSources}
	defer reader.close()
	return reader.report(r)
}

// summary returns the type and the message, shortened.
func (r *report) summary() string {
	if r == nil {
		return ""
	}
	text, _, _ := strings.Cut(strings.TrimPrefix(r.Type+": "+r.Message, ": "), "\n")
	return shorten(text, maxErrorLength)
}

// size returns about how many bytes a report holds.
func (r *report) size() int {
	n := len(r.Type) + len(r.Message) + len(r.Call)
	for _, f := range r.Stack {
		n += len(f.Call) + len(f.File) + 64
		if f.Source != nil {
			for _, text := range f.Source.Lines {
				n += len(text) + 16
			}
		}
	}
	for _, cause := range r.Causes {
		n += cause.size()
	}
	return n
}

// A sourceReader reads lines of files below a folder. User code decides which files a stack
// names, so it never leaves the folder, not even by a symbolic link, and reads regular files only.
type sourceReader struct {
	dir  string
	left int      // how many it may still read
	root *os.Root // nil until it is needed
}

func (s *sourceReader) close() {
	if s.root != nil {
		_ = s.root.Close() // it was only read
	}
}

func (s *sourceReader) report(r *runtimeapi.ErrorReport) *report {
	out := &report{Type: r.Type, Message: shorten(r.Message, maxMessage), Call: r.Call, Stack: make([]frame, len(r.Stack))}
	for i := len(r.Stack) - 1; i >= 0; i-- { // the innermost calls first
		f := r.Stack[i]
		out.Stack[i] = frame{Call: f.Label, File: f.Path, Line: f.Line}
		if f.Path != "" && f.Line > 0 && s.left > 0 {
			s.left--
			out.Stack[i].Source = s.read(f.Path, f.Line)
		}
	}
	for _, cause := range r.Causes {
		out.Causes = append(out.Causes, s.report(cause))
	}
	out.Where = s.where(out)
	return out
}

// place is how a message begins that has one, such as that of a syntax error.
var place = regexp.MustCompile(`^([^\s:]+):(\d+):`)

func (s *sourceReader) where(r *report) *frame {
	known := func(f frame) bool { return f.Source != nil }
	match := place.FindStringSubmatch(r.Message)
	if match == nil || slices.ContainsFunc(r.Stack, known) {
		return nil
	}
	line, err := strconv.Atoi(match[2])
	if err != nil {
		return nil
	}
	return &frame{File: match[1], Line: line, Source: s.read(match[1], line)}
}

// read returns the lines around a line of a file, or nil.
func (s *sourceReader) read(path string, number int) *source {
	if s.root == nil {
		root, err := os.OpenRoot(s.dir)
		if err != nil {
			return nil
		}
		s.root = root
	}
	if filepath.IsAbs(path) {
		dir, err := filepath.Abs(s.dir)
		if err != nil {
			return nil
		}
		if path, err = filepath.Rel(dir, path); err != nil {
			return nil
		}
	}
	file, err := s.root.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) // a FIFO would wait for a writer
	if err != nil {
		return nil
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(file, maxSourceFile))
	if err != nil {
		return nil
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if number > len(lines) {
		return nil
	}
	first := max(1, number-aroundLine)
	out := &source{First: first}
	for _, text := range lines[first-1 : min(len(lines), number+aroundLine)] {
		out.Lines = append(out.Lines, shorten(strings.TrimSuffix(text, "\r"), maxSourceLine))
	}
	return out
}
