//go:build durablejs

package durable

import (
	"context"
	"flag"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"lambda-r-runtime/emulator"
	backend "lambda-r-runtime/emulator/durable"
	"lambda-r-runtime/test/kit/lambda"
)

var modulesDir = flag.String("durable.modules", "", "the folder node_modules with AWS's SDK for JavaScript")

// AWS's own SDK passes the cases on our backend, so the backend behaves as AWS's does.
func TestJavaScript(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(*casesDir, "*", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in %q: %v", *casesDir, err)
	}
	f := startJavaScript(t)
	listed := f.program.Output.WaitFor(limit, regexp.MustCompile(`cases: (.*)`))
	if listed == nil {
		t.Fatalf("node has printed: %s", f.program.Output.String())
	}
	names := strings.Fields(listed[1])
	ran := 0
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		if slices.Contains(names, name) {
			ran++
			t.Run(name, func(t *testing.T) { f.runCase(t, name, file, nil) })
		}
	}
	t.Logf("%d of %d cases have a handler in conformance.cjs", ran, len(files))
}

// startJavaScript starts the handlers in node, and returns them as a function.
func startJavaScript(t *testing.T) *function {
	emu := emulator.New(emulator.Config{Timeout: time.Minute})
	b, err := backend.New(backend.Config{
		Invoke: func(ctx context.Context, function string, event []byte) (backend.Result, error) {
			id, r, err := emu.InvokeAs(ctx, function, event, 0)
			return backend.Result{RequestID: id, Body: r.Body, FunctionError: r.FunctionError}, err
		},
		Find:   target,
		Prefix: emulator.FunctionARN(""), SkipTime: true, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	url := lambda.Serve(t, b.Handler(emu, func(context.Context) bool { return true }))
	cmd := exec.Command("node", "testdata/javascript/conformance.cjs")
	cmd.Env = append(os.Environ(), "NODE_PATH="+*modulesDir, "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(url, "http://"),
		"AWS_ENDPOINT_URL_LAMBDA="+url, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret")
	return &function{startProgram(t, cmd), url}
}

// target returns a function that cases invoke.
func target(_ context.Context, name string) (backend.Function, error) {
	return backend.Function{Invoke: func(_ context.Context, event []byte) (backend.Result, error) {
		if name == "broken" {
			return backend.Result{Body: []byte(`{"errorType":"Error","errorMessage":"target failed"}`), FunctionError: true}, nil
		}
		return backend.Result{Body: event}, nil
	}}, nil
}
