package main

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"lambda-r-runtime/lambdalog"
)

// The child's init may take as long as --timeout allows, which only its parent is given.
func TestInitLimitOfSnapStart(t *testing.T) {
	server, err := listenLocal("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.close(); err != nil {
			t.Error(err)
		}
	})
	l := &snapLocal{settings: settings{timeout: 15 * time.Minute}, options: &localOptions{}, server: server}
	cmd, err := l.command(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(cmd.Env, "LAMBDA_R_INIT_TIMEOUT=15m0s") {
		t.Errorf("the environment is %q", cmd.Env)
	}
}

// A function with SnapStart has Lambda's variables, and the developer's, but none of those that
// Lambda does not set or sets otherwise.
func TestSnapStartEnv(t *testing.T) {
	base := []string{
		"HOME=/home/me", "MINE=kept", "AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=id", "AWS_SECRET_ACCESS_KEY=secret", "AWS_SESSION_TOKEN=token",
		"AWS_PROFILE=me", "AWS_LAMBDA_LOG_GROUP_NAME=mine", "LAMBDA_R_WORKERS=7", "AWS_LAMBDA_MAX_CONCURRENCY=7", "TMPDIR=/mine",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/mine", "_HANDLER=another.one", "AWS_LAMBDA_FUNCTION_VERSION=3",
	}
	got := map[string]string{}
	for _, entry := range snapStartEnv(base, &localOptions{memory: 300, concurrency: 2}, "app.run", "127.0.0.1:1", "t", "/tmp/1") {
		name, value, _ := strings.Cut(entry, "=")
		got[name] = value // the last of two entries counts
	}
	want := map[string]string{
		"HOME": "/home/me", "MINE": "kept", "AWS_REGION": "eu-west-1",
		"_HANDLER": "app.run", "AWS_LAMBDA_FUNCTION_NAME": "function", "AWS_LAMBDA_FUNCTION_VERSION": "1",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "300", "AWS_LAMBDA_MAX_CONCURRENCY": "2",
		"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start", "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/2021-04-23/credentials", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "t",
		"TMPDIR": "/tmp/1", "LAMBDA_R_SNAPSTART_PROBE": "1",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestRequestID(t *testing.T) {
	const id = "b4b93c52-95ad-430f-ab04-08501ba0c457"
	for line, want := range map[string]string{
		"": "", "hello": "",
		"2026-11-26T08:00:24.272Z INF hello slot=0 request_id=" + id:                                      id,
		"2026-11-26T08:00:24.272Z INF hello slot=0 request_id=" + id + " stream=stdout":                   id,
		"2026-11-26T08:00:24.272Z INF hello request_id=of-a-user slot=0 request_id=" + id + " stream=out": id,
		`{"timestamp":"x","level":"INFO","message":"hello","slot":0,"requestId":"` + id + `"}`:            id,
		"cut off request_id=b4b93c52": "",
	} {
		if got := requestID(line); got != want {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}

// The lines of several environments show which one they come from.
func TestOutputOfEnvironments(t *testing.T) {
	for _, row := range []struct {
		restores, number int
		line, want       string
	}{
		{1, 0, "hello", "hello\n"},
		{3, 1, "hello", "[2] hello\n"},
		{3, -1, "hello", "hello\n"}, // before the snapshot
		{3, 1, `{"level":"INFO"}`, `{"environment":2,"level":"INFO"}` + "\n"},
		{3, 1, `{not JSON`, "[2] {not JSON\n"},
		{3, 1, `{}`, "[2] {}\n"},
		{1, 0, `{"level":"INFO"}`, `{"level":"INFO"}` + "\n"},
	} {
		var written strings.Builder
		l := &snapLocal{options: &localOptions{restores: row.restores}, out: lambdalog.NewOutput(&written, nil)}
		l.outputOf(row.number).Stdout(row.line)
		if written.String() != row.want {
			t.Errorf("%q of %d became %q, want %q", row.line, row.number, &written, row.want)
		}
	}
}
