//go:build criu

package snapstart

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/internal/checkpoint"
	"lambda-r-runtime/test/kit/board"
	"lambda-r-runtime/test/kit/lambda"
	"lambda-r-runtime/worker/process"
)

// patience guards against a hang. It is never a pause.
const patience = 30 * time.Second

// timeout is the function's.
const timeout = 30 * time.Second

// copies is how many environments are restored from each snapshot.
const copies = 3

var (
	tool      *checkpoint.Tool
	bootstrap string // the path of the program under test
)

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	flag.Parse()
	dir, err := os.MkdirTemp("", "snapstart-")
	if err == nil {
		defer os.RemoveAll(dir)
		tool, err = checkpoint.Find(context.Background(), os.Getenv)
	}
	if err == nil {
		bootstrap, err = lambda.Build(dir, "cmd/bootstrap")
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "these tests restore real snapshots: %v (make test-snapstart unpacks CRIU)\n", err)
		return 1
	}
	return m.Run()
}

// A snapshot is a function that waits for the restore.
type snapshot struct {
	image    *checkpoint.Image
	api      *emulator.Emulator
	url      string
	serves   atomic.Int32 // the number of the copy that runs
	restores int
	initTook time.Duration
}

// secretOf returns the credentials that the environment of a number gets; -1 before the snapshot.
func secretOf(number int) emulator.Credentials {
	return emulator.Credentials{
		AccessKeyID: fmt.Sprint("key-", number), SecretAccessKey: fmt.Sprint("secret-", number),
		Token: fmt.Sprint("token-", number), Expiration: time.Now().Add(time.Hour),
	}
}

// prepare starts program with a handler in testdata, waits until it is prepared, and dumps it.
func prepare(t testing.TB, program, handler string, env ...string) *snapshot {
	t.Helper()
	s := &snapshot{}
	s.serves.Store(-1)
	prepared := make(chan struct{})
	s.api = emulator.New(emulator.Config{Timeout: timeout, SnapStart: &emulator.SnapStart{
		Environments: copies,
		OnPrepared: func(number int, took time.Duration) {
			if s.serves.Load() == -1 {
				s.initTook = took
				close(prepared)
			}
		},
		Credentials: func() emulator.Credentials { return secretOf(int(s.serves.Load())) },
		Token:       "container-token",
	}})
	// One copy runs at a time. So that tells them apart.
	s.url = lambda.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == lambda.InvokePath {
			s.api.ServeHTTP(w, r)
			return
		}
		s.api.Environment(max(0, int(s.serves.Load()))).ServeHTTP(w, r)
	}))

	temp := t.TempDir()
	cmd := exec.Command(program)
	cmd.Dir = "testdata"
	cmd.Env = lambda.Env(s.url, handler, append(os.Environ(),
		append(env, "AWS_LAMBDA_INITIALIZATION_TYPE=snap-start", "TMPDIR="+temp, "LOG_LEVEL=trace",
			"AWS_CONTAINER_CREDENTIALS_FULL_URI="+s.url+emulator.PathCredentials,
			"AWS_CONTAINER_AUTHORIZATION_TOKEN=container-token")...)...)
	var output board.Text
	p, err := tool.Start(cmd, to(&output))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill("the test is over")
		p.Wait()
	})
	select {
	case <-prepared:
	case <-p.Done():
		t.Fatalf("bootstrap ended before the snapshot and printed:\n%s", &output)
	case <-time.After(patience):
		t.Fatalf("bootstrap was not prepared, but printed:\n%s", &output)
	}
	if s.image, err = tool.Dump(t.Context(), p, temp, filepath.Join(t.TempDir(), "image")); err != nil {
		t.Fatal(err)
	}
	return s
}

// to are options that append the output to text.
func to(text *board.Text) process.Options {
	line := func(line string) { fmt.Fprintln(text, line) }
	return process.Options{Stdout: line, Stderr: line}
}

// An environment is a restored copy.
type environment struct {
	*checkpoint.Copy
	t      testing.TB
	s      *snapshot
	number int
	output board.Text
	took   time.Duration // until it ran
}

// restore restores the next copy. It must end before the next one is restored.
func (s *snapshot) restore(t testing.TB) *environment {
	t.Helper()
	e := &environment{t: t, s: s, number: s.restores}
	s.restores++
	s.serves.Store(int32(e.number))
	start := time.Now()
	c, err := s.image.Restore(t.Context(), to(&e.output))
	if err != nil {
		t.Fatal(err)
	}
	e.Copy, e.took = c, time.Since(start)
	t.Cleanup(func() {
		c.Kill("the test is over")
		c.Wait()
	})
	s.api.Restore(e.number)
	s.api.Resume()
	return e
}

// invoke invokes the function and decodes its result.
func (e *environment) invoke(event string, result any) {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), patience)
	defer cancel()
	a, err := lambda.Request(ctx, http.MethodPost, e.s.url+lambda.InvokePath, event)
	if err == nil && a.Header.Get("X-Amz-Function-Error") != "" {
		err = fmt.Errorf("the function failed: %s", a.Body)
	}
	if err == nil {
		err = json.Unmarshal([]byte(a.Body), result)
	}
	if err != nil {
		e.t.Fatalf("invoke environment %d: %v; it printed:\n%s", e.number, err, &e.output)
	}
}

// stop ends the environment with SIGTERM, as Lambda does.
func (e *environment) stop() {
	e.t.Helper()
	e.Terminate()
	select {
	case <-e.Done():
	case <-time.After(patience):
		e.t.Fatalf("environment %d did not end after SIGTERM; it printed:\n%s", e.number, &e.output)
	}
	e.Wait()
}

// workers returns the pids of the R processes of the environment, as this program sees them.
func (e *environment) workers() (pids []int) {
	e.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", e.RootPID(), e.RootPID()))
	if err != nil {
		e.t.Fatal(err)
	}
	for field := range strings.FieldsSeq(string(text)) {
		var pid int
		if _, err := fmt.Sscan(field, &pid); err != nil {
			e.t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}
