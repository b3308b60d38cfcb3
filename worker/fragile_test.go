package worker

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/test/kit/board"
	"lambda-r-runtime/worker/process"
)

// hold makes R evaluate code and keep what it opens.
func hold(t *testing.T, w *Worker, code string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hold.R")
	if err := os.WriteFile(path, []byte(code+"\nNULL\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	event, err := json.Marshal(map[string]string{"what": "source", "file": path})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := invoke(w, "1", string(event)); err != nil {
		t.Fatal(err)
	}
}

// checkFindings waits until each finding has this kind and contains this text. A child takes a
// moment to start and to end.
func checkFindings(t *testing.T, w *Worker, want ...[2]string) {
	t.Helper()
	var got []protocol.Finding
	if !board.Poll(patience, func() bool {
		got = w.fragile()
		ok := len(got) == len(want)
		for i := 0; ok && i < len(want); i++ {
			ok = got[i].Kind == want[i][0] && strings.Contains(got[i].What, want[i][1])
		}
		return ok
	}) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Each row is what R code leaves open.
func TestFragile(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	dir := t.TempDir()

	for name, row := range map[string]struct {
		code, end string
		want      [][2]string
	}{
		"nothing": {"", "", nil},
		"a socket": {
			`con <- socketConnection("127.0.0.1", ` + port + `, open = "r+")`, "close(con)",
			[][2]string{{"socket", "a TCP connection to 127.0.0.1:" + port + " (file descriptor "}},
		},
		"a server": {
			`s <- serverSocket(0)`, "close(s)",
			[][2]string{{"listener", "a TCP socket that listens at 0.0.0.0:"}},
		},
		"a curl handle": { // libcurl keeps the connection, and has a pair of Unix sockets
			`h <- curl::new_handle(); curl::curl_fetch_memory("` + server.URL + `", h)`,
			`curl::handle_setopt(h, forbid_reuse = TRUE); curl::curl_fetch_memory("` + server.URL + `", h)`,
			[][2]string{{"socket", "a TCP connection to " + strings.TrimPrefix(server.URL, "http://")}},
		},
		"a file, twice": {
			`a <- file("` + dir + `/log.txt", "a"); b <- file("` + dir + `/log.txt", "r+")`, "close(a); close(b)",
			[][2]string{{"file", dir + "/log.txt, open for writing"}},
		},
		"two files": {
			`a <- file("` + dir + `/1", "w"); b <- gzfile("` + dir + `/2", "w")`, "close(a); close(b)",
			[][2]string{{"file", "/1, "}, {"file", "/2, "}},
		},
		"files to read":  {`a <- file("/etc/passwd", "r"); b <- gzfile("/etc/passwd", "rb")`, "close(a); close(b)", nil},
		"a removed file": {`a <- file(p <- tempfile(), "w"); unlink(p)`, "close(a)", nil},
		"no files":       {`a <- file(""); b <- textConnection("x"); c <- file("/dev/null", "w")`, "close(a); close(b); close(c)", nil},
		"a pipe": {
			`p <- pipe("exec cat >/dev/null", "w")`, "close(p)",
			[][2]string{{"child", "a child process of R, cat (pid "}},
		},
		"a child": {
			`pid <- system("sleep 1001 >/dev/null 2>&1 & echo $!", intern = TRUE)`, "tools::pskill(as.integer(pid), 9)",
			[][2]string{{"child", "a child process of R, sleep (pid "}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := spawnR(t)
			hold(t, w, row.code)
			checkFindings(t, w, row.want...)
			hold(t, w, row.end) // as on_snapshot() would
			checkFindings(t, w)
		})
	}
}

// A dead worker has no findings, and names have no control characters.
func TestFragileText(t *testing.T) {
	w, _ := spawnFake(t, "echo")
	w.Kill("to see what is left")
	<-w.Done()
	if got := w.fragile(); got != nil {
		t.Errorf("after its death: %q", got)
	}
	got := fragileChild(process.Descendant{PID: 7, Name: "a\nb\x1b[2J"})
	want := protocol.Finding{
		Kind: "child",
		What: "a child process of R, a b [2J (pid 7)",
		Fix:  "end it in on_snapshot(), start it in on_restore()",
	}
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
