//go:build linux

// Package snapshot starts functions from snapshots that are real, for tests: CRIU dumps bootstrap
// and R while they wait for the restore, and restores this image as often as a test asks for.
package snapshot

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

// Timeout is the function's.
const Timeout = 30 * time.Second

// containerToken is the token of the credentials endpoint.
const containerToken = "container-token"

// A Config describes a function.
type Config struct {
	Tool    *checkpoint.Tool
	Program string // bootstrap's path
	Dir     string // the folder of the handler
	Handler string
	Env     []string // besides that of this program and Lambda's
	Copies  int      // how many may be restored
}

// An Image is a snapshot of a function that waits for the restore.
type Image struct {
	InitTook, DumpTook time.Duration

	checkpoint *checkpoint.Image
	api        *emulator.Emulator
	url        string
	number     atomic.Int32 // of the environment that runs; -1 before the snapshot
}

// Take starts a function, waits until it is prepared, and takes a snapshot of it.
func Take(t testing.TB, c Config) *Image {
	t.Helper()
	i := &Image{}
	i.number.Store(-1)
	prepared := make(chan struct{})
	i.api = emulator.New(emulator.Config{Timeout: Timeout, SnapStart: &emulator.SnapStart{
		Environments: c.Copies,
		OnPrepared: func(_ int, took time.Duration) {
			if i.number.Load() == -1 {
				i.InitTook = took
				close(prepared)
			}
		},
		Credentials: func() emulator.Credentials { return Credentials(int(i.number.Load())) },
		Token:       containerToken,
	}})
	i.url = lambda.Serve(t, i)

	temp := t.TempDir()
	cmd := exec.Command(c.Program)
	cmd.Dir = c.Dir
	cmd.Env = lambda.Env(i.url, c.Handler, slices.Concat(os.Environ(), c.Env, []string{
		"AWS_LAMBDA_INITIALIZATION_TYPE=snap-start", "TMPDIR=" + temp,
		"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + i.url + emulator.PathCredentials,
		"AWS_CONTAINER_AUTHORIZATION_TOKEN=" + containerToken,
	})...)
	var output board.Text
	p, err := c.Tool.Start(cmd, appendTo(&output))
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
	start := time.Now()
	if i.checkpoint, err = c.Tool.Dump(t.Context(), p, temp, filepath.Join(t.TempDir(), "image")); err != nil {
		t.Fatal(err)
	}
	i.DumpTook = time.Since(start)
	return i
}

// ServeHTTP serves the Runtime API of the environment that runs, and the Invoke API.
func (i *Image) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == lambda.InvokePath {
		i.api.ServeHTTP(w, r)
		return
	}
	i.api.Environment(max(0, int(i.number.Load()))).ServeHTTP(w, r)
}

// Credentials returns the credentials of an environment; those of number -1 are the ones before the
// snapshot.
func Credentials(number int) emulator.Credentials {
	return emulator.Credentials{
		AccessKeyID:     fmt.Sprintf("key-%d", number),
		SecretAccessKey: fmt.Sprintf("secret-%d", number),
		Token:           fmt.Sprintf("token-%d", number),
		Expiration:      time.Now().Add(time.Hour),
	}
}

// appendTo returns options that append all output to text.
func appendTo(text *board.Text) process.Options {
	line := func(line string) { fmt.Fprintln(text, line) }
	return process.Options{Stdout: line, Stderr: line}
}

// An Environment is a restored copy of the function.
type Environment struct {
	*checkpoint.Copy
	Number int // from 0 on
	Output board.Text

	t     testing.TB
	image *Image
}

// Restore restores the next environment. The one before must have ended, because all of them have
// the same Runtime API.
func (i *Image) Restore(t testing.TB) *Environment {
	t.Helper()
	e := &Environment{t: t, image: i, Number: int(i.number.Add(1))}
	c, err := i.checkpoint.Restore(t.Context(), appendTo(&e.Output))
	if err != nil {
		t.Fatal(err)
	}
	e.Copy = c
	t.Cleanup(func() {
		c.Kill("the test is over")
		c.Wait()
	})
	i.api.Restore(e.Number)
	i.api.Resume()
	return e
}

// Invoke invokes the function and decodes its result.
func (e *Environment) Invoke(event string, result any) {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), patience)
	defer cancel()
	a, err := lambda.Request(ctx, http.MethodPost, e.image.url+lambda.InvokePath, event)
	if err == nil && a.Header.Get("X-Amz-Function-Error") != "" {
		err = fmt.Errorf("the function failed: %s", a.Body)
	}
	if err == nil {
		err = json.Unmarshal([]byte(a.Body), result)
	}
	if err != nil {
		e.t.Fatalf("invoke environment %d: %v; it printed:\n%s", e.Number, err, &e.Output)
	}
}

// Stop ends the environment with SIGTERM, as Lambda does.
func (e *Environment) Stop() {
	e.t.Helper()
	e.Terminate()
	select {
	case <-e.Done():
	case <-time.After(patience):
		e.t.Fatalf("environment %d did not end after SIGTERM; it printed:\n%s", e.Number, &e.Output)
	}
	e.Wait()
}

// Workers returns the pids of the R processes, as this program sees them.
func (e *Environment) Workers() (pids []int) {
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
