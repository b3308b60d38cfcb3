//go:build criu

package snapstart

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"lambda-r-runtime/internal/checkpoint"
	"lambda-r-runtime/test/kit/lambda"
	"lambda-r-runtime/test/kit/snapshot"
)

// patience guards against a hang. It is never a pause.
const patience = 30 * time.Second

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

// take takes a snapshot of program with a handler in testdata.
func take(t *testing.T, program, handler string, env ...string) *snapshot.Image {
	t.Helper()
	return snapshot.Take(t, snapshot.Config{
		Tool: tool, Program: program, Dir: "testdata", Handler: handler, Env: append(env, "LOG_LEVEL=trace"), Copies: copies,
	})
}
