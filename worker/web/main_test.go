package web

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"testing"
	"time"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/worker"
)

// actAs names the fault of the server that the test binary plays, instead of running tests.
const actAs = "WEB_TEST_SERVER"

// patience guards against a hang. It is never a pause.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	if fault := os.Getenv(actAs); fault != "" {
		play(fault)
		return
	}
	os.Exit(m.Run())
}

// play serves one request for each connection, on the port that PORT names.
func play(fault string) {
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	l, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		if fault == "deaf" {
			<-interrupts
		}
		os.Exit(1)
	}
	go func() { // ends the process
		<-interrupts
		os.Exit(3)
	}()
	for {
		c, err := l.Accept()
		if err != nil {
			os.Exit(1)
		}
		reader := bufio.NewReader(c)
		line, _ := reader.ReadString('\n') // a client that leaves gets an answer that it does not read
		for header := line; strings.TrimSpace(header) != ""; {
			if header, err = reader.ReadString('\n'); err != nil {
				break
			}
		}
		fmt.Println("served", strings.TrimSpace(line))
		io.WriteString(c, answers[fault])
		if fault == "exit" {
			os.Exit(5)
		}
		if fault == "hang" {
			select {}
		}
		c.Close()
	}
}

// answers are what a server with a fault answers.
var answers = map[string]string{
	"none":      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n\r\nhello",
	"closes":    "",
	"exit":      "",
	"hang":      "",
	"cut":       "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhel",
	"malformed": "SSH-2.0-OpenSSH\r\n\r\n",
	"header":    "HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
	"chunks":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/plain\r\nSet-Cookie: a=1\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
	"badchunk":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
	"text":      "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nnot JSON",
	"empty":     "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
	"missing":   "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
}

// start starts a server with a fault.
func start(t *testing.T, fault string) *Worker {
	t.Helper()
	return startLogged(t, fault, slog.New(slog.DiscardHandler))
}

// startLogged is start with a log.
func startLogged(t *testing.T, fault string, log *slog.Logger) *Worker {
	t.Helper()
	w, err := startFaulty(t, fault, log, freePort)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// startFaulty is startLogged with a source of ports.
func startFaulty(t *testing.T, fault string, log *slog.Logger, choose func() (int, error)) (*Worker, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	script, err := worker.NewScript(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { script.Close() })
	c := worker.Config{
		Script: script, Dir: t.TempDir(), TempDir: t.TempDir(), Log: log, Env: append(os.Environ(), actAs+"="+fault),
	}
	w, err := spawnOn(ctx, Configure(c, []string{os.Args[0]}, nil, false), Start, choose)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		w.Shutdown(ctx)
		if _, err := os.Stat(w.TempDir()); !os.IsNotExist(err) {
			t.Errorf("the temporary directory is left: %v", err)
		}
	})
	return w, nil
}

const get = `{"version":"2.0","rawPath":"/a","rawQueryString":"","headers":{},"requestContext":{"http":{"method":"GET"}}}`

// invoke invokes w, which must not stream.
func invoke(t *testing.T, w *Worker, event string) (protocol.Answer, error) {
	t.Helper()
	return w.Invoke(protocol.Invoke{ID: "id-1"}, []byte(event), func(protocol.StreamHead) io.Writer {
		t.Error("a stream was opened")
		return io.Discard
	})
}
