package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A docBlock is a fenced block of a page. The info string ```r functions.parity has the language r
// and is about functions.parity.
type docBlock struct {
	line        int
	lang, about string
	text        string
}

// docBlocks returns the fenced blocks of a Markdown file.
func docBlocks(t *testing.T, path string) []docBlock {
	t.Helper()
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []docBlock
	var open *docBlock
	for i, line := range strings.SplitAfter(string(page), "\n") {
		switch info, fence := strings.CutPrefix(strings.TrimSpace(line), "```"); {
		case fence && open != nil:
			blocks = append(blocks, *open)
			open = nil
		case fence:
			lang, about, _ := strings.Cut(info, " ")
			open = &docBlock{line: i + 1, lang: lang, about: about}
		case open != nil:
			open.text += line
		}
	}
	return blocks
}

// Every example of these pages does what the page says. R code with a handler is served; each event
// gets the result or error that follows it, and each request the response.
func TestPagesWithExamples(t *testing.T) {
	for page, least := range map[string]int{"getting-started": 1, "handlers": 5, "http": 10, "events": 5, "logs": 2, "lambdr": 1} {
		t.Run(page, func(t *testing.T) { checkPage(t, "../../docs/"+page+".md", least) })
	}
}

// checkPage checks the examples of a page, which has at least so many.
func checkPage(t *testing.T, page string, least int) {
	blocks := docBlocks(t, page)
	examples := 0
	for i := 0; i < len(blocks); i++ {
		code := blocks[i]
		if code.lang != "r" || code.about == "" {
			continue
		}
		uses := i + 1
		for i+1 < len(blocks) && blocks[i+1].lang != "r" {
			i++
		}
		examples++
		t.Run(code.about, func(t *testing.T) {
			checkExample(t, code, blocks[uses:i+1])
		})
	}
	if examples < least {
		t.Errorf("%s has %d examples: were they found at all?", page, examples)
	}
}

// checkExample serves code and makes the invocations that follow it on the page.
func checkExample(t *testing.T, code docBlock, uses []docBlock) {
	dir := t.TempDir()
	file := code.about
	if !strings.HasSuffix(file, ".R") {
		file, _, _ = strings.Cut(file, ".")
		file += ".R"
	}
	writeFile(t, filepath.Join(dir, file), code.text)
	_, f := startLocal(t, code.about, []string{"LAMBDA_TASK_ROOT=" + dir}, "--http")
	if len(uses) == 0 {
		t.Errorf("line %d: an example that nothing uses", code.line)
	}
	for i, use := range uses {
		where := fmt.Sprintf("line %d", use.line)
		switch {
		case use.lang == "http":
			checkRequest(t, f.url, where, use.text)
		case use.lang == "json" && use.about == "event":
			a := f.invoke(strings.TrimSuffix(use.text, "\n"))
			if i+1 == len(uses) || uses[i+1].about != "result" && uses[i+1].about != "error" {
				t.Fatalf("%s: no result follows the event", where)
			}
			want := uses[i+1]
			if failed := a.Header.Get("X-Amz-Function-Error") != ""; failed != (want.about == "error") || a.Body != strings.TrimSuffix(want.text, "\n") {
				t.Errorf("%s: got %s, want the %s %s", where, a.Body, want.about, want.text)
			}
		}
	}
}

var statusLine = regexp.MustCompile(`(?m)^HTTP/1\.1 (\d+)`)

// checkRequest makes the request at the beginning of text and compares the response with the rest:
// the status, the headers, and the body if there is one.
func checkRequest(t *testing.T, url, where, text string) {
	t.Helper()
	at := statusLine.FindStringIndex(text)
	if at == nil {
		t.Fatalf("%s: a request without a response", where)
	}
	head, body, _ := strings.Cut(strings.TrimRight(text[:at[0]], "\n"), "\n\n")
	lines := strings.Split(head, "\n")
	method, path, _ := strings.Cut(lines[0], " ")
	if strings.Contains(head, "multipart/") {
		body = strings.ReplaceAll(body, "\n", "\r\n") // the line breaks of MIME
	}
	req, err := http.NewRequest(method, url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		req.Header.Set(name, value)
	}
	got, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	gotBody, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	gotBody = bytes.ReplaceAll(gotBody, []byte("\r\n"), []byte("\n"))

	// HTTP requires an empty line after the headers.
	want, err := http.ReadResponse(bufio.NewReader(strings.NewReader(text[at[0]:]+"\n\n")), req)
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	defer want.Body.Close()
	wantBody, err := io.ReadAll(want.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got.StatusCode != want.StatusCode {
		t.Errorf("%s: got status %d, want %d: %s", where, got.StatusCode, want.StatusCode, gotBody)
	}
	for name := range want.Header {
		if got.Header.Get(name) != want.Header.Get(name) {
			t.Errorf("%s: %s is %q, want %q", where, name, got.Header.Get(name), want.Header.Get(name))
		}
	}
	if wantBody := strings.TrimSpace(string(wantBody)); wantBody != "" && strings.TrimSpace(string(gotBody)) != wantBody {
		t.Errorf("%s: got body\n%s\nwant\n%s", where, gotBody, wantBody)
	}
}
