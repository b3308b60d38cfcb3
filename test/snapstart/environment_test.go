//go:build criu

package snapstart

import (
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lambda-r-runtime/test/kit/board"
	"lambda-r-runtime/test/kit/proc"
	"lambda-r-runtime/test/kit/snapshot"
)

// report is the result of testdata/environment.R.
type report struct {
	PID         int     `json:"pid"`
	KeyAtInit   string  `json:"key_at_init"`
	Key         string  `json:"key"`
	Secret      string  `json:"secret"`
	Token       string  `json:"token"`
	Dead        bool    `json:"dead"` // the connection that was made at init, after the restore
	Time        float64 `json:"time"` // Unix time in seconds
	RemainingMs float64 `json:"remaining_ms"`
}

// A server counts the connections that R makes.
type server struct {
	net.Listener
	accepted, open atomic.Int32
}

func serve(t *testing.T) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{Listener: l}
	t.Cleanup(func() { _ = l.Close() }) // ends run
	go s.run()
	return s
}

// run ends when the listener is closed; its connections end with the copies.
func (s *server) run() {
	for {
		c, err := s.Accept()
		if err != nil {
			return
		}
		s.accepted.Add(1)
		s.open.Add(1)
		go func() {
			_, _ = io.Copy(io.Discard, c) // until the other end is gone
			_ = c.Close()                 // nothing was written
			s.open.Add(-1)
		}()
	}
}

// A restored environment has its own credentials, the time of today and no old connection, and it
// serves like a fresh one: a worker that dies is replaced, and SIGTERM runs the shutdown hooks.
func TestRestoredEnvironment(t *testing.T) {
	server := serve(t)
	_, port, _ := net.SplitHostPort(server.Addr().String()) // a listener's address is valid
	i := take(t, bootstrap, "environment.f", "PORT="+port)
	if !board.Poll(patience, func() bool { return server.open.Load() == 0 }) {
		t.Errorf("%d connections are open after the snapshot", server.open.Load())
	}
	for range copies {
		before := server.accepted.Load()
		e := i.Restore(t)
		restored := reportOf(t, e)
		if !restored.Dead {
			t.Error("the connection that was made at init lives")
		}
		if !board.Poll(patience, func() bool { return server.accepted.Load() == before+1 }) {
			t.Errorf("%d new connections after the restore, want 1", server.accepted.Load()-before)
		}

		workers := e.Workers()
		proc.KillAll(workers)
		if alive := proc.WaitGone(patience, workers...); len(alive) > 0 {
			t.Fatalf("the workers %d survived SIGKILL", alive)
		}
		if replaced := reportOf(t, e); replaced.PID == restored.PID {
			t.Error("the worker was not replaced")
		}

		e.Stop()
		output := e.Output.String()
		if want := "shut down " + snapshot.Credentials(e.Number).AccessKeyID; !strings.Contains(output, want) {
			t.Errorf("the log does not have %q:\n%s", want, output)
		}
		for _, secret := range []string{"secret-", "token-", "container-token"} {
			if strings.Contains(output, secret) {
				t.Errorf("%q is in the log:\n%s", secret, output)
			}
		}
	}
}

// reportOf invokes the function. It checks the credentials in its result, and that R's clock is right:
// the deadline is one timeout after the invocation, although time has passed since the snapshot.
func reportOf(t *testing.T, e *snapshot.Environment) (r report) {
	t.Helper()
	start := time.Now()
	e.Invoke(`{}`, &r)
	if want := snapshot.Credentials(e.Number); r.Key != want.AccessKeyID || r.Secret != want.SecretAccessKey || r.Token != want.Token {
		t.Errorf("environment %d has the credentials %q, %q and %q", e.Number, r.Key, r.Secret, r.Token)
	}
	if !strings.HasPrefix(r.KeyAtInit, "key-") {
		t.Errorf("environment %d had the key %q at its init", e.Number, r.KeyAtInit)
	}
	const rounding = 0.01 // s
	invoked := r.Time + r.RemainingMs/1000 - snapshot.Timeout.Seconds()
	if invoked < unix(start)-rounding || invoked > unix(time.Now())+rounding {
		t.Errorf("R has %.0f ms at %.3f, but the event of %.3f has %s", r.RemainingMs, r.Time, unix(start), snapshot.Timeout)
	}
	return r
}

func unix(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }
