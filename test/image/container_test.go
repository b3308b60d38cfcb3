//go:build image

package image

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/emulator/front"
	"lambda-r-runtime/test/kit/lambda"
)

// patience guards against a hang. It is never a pause.
const patience = 60 * time.Second

// A container is a container that runs in the foreground.
type container struct {
	*lambda.Program
	t    *testing.T
	name string
}

// start runs an image: args are the options, the image and its arguments. When the test ends, the
// container is asked to stop and must exit with status 0.
func start(t *testing.T, args ...string) *container {
	t.Helper()
	name := fmt.Sprintf("lambda-r-runtime-test-%d", time.Now().UnixNano())
	p, err := lambda.Start(command(append([]string{"run", "--rm", "--name", name}, args...)...))
	if err != nil {
		t.Fatal(err)
	}
	c := &container{p, t, name}
	t.Cleanup(c.stop)
	return c
}

// stop asks the container to stop by SIGTERM, as Lambda and docker stop do.
func (c *container) stop() {
	_ = command("kill", "--signal", "TERM", c.name).Run() // it may have ended
	if !c.WaitEnd(patience) {
		_ = command("rm", "--force", c.name).Run() // best effort: the test has failed
		c.t.Errorf("the container did not end at SIGTERM; it printed:\n%s", c.Output.String())
		return
	}
	if code := c.Cmd.ProcessState.ExitCode(); code != 0 {
		c.t.Errorf("the container ended with status %d; it printed:\n%s", code, c.Output.String())
	}
}

func (c *container) output() string { return c.Output.String() }

// waitFor waits until the container has printed what matches pattern, and returns the match.
func (c *container) waitFor(pattern string) []string {
	c.t.Helper()
	match := c.Output.WaitFor(patience, regexp.MustCompile(pattern))
	if match == nil {
		c.t.Fatalf("the container did not print %q, but:\n%s", pattern, c.output())
	}
	return match
}

// A function is a container whose Runtime API is the emulator in this process.
type function struct {
	*container
	url string // of the Invoke API, and of the function as a function URL
}

// startLambda runs the image as Lambda runs one. Options come before the image, args after it.
func startLambda(t *testing.T, options []string, args ...string) function {
	t.Helper()
	url := lambda.Serve(t, emulator.New(emulator.Config{Timeout: patience, HTTP: front.FunctionURL}))
	run := append(lambdaLimits(),
		"--env", "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(url, "http://"),
		"--env", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE="+memoryMB)
	return function{start(t, append(append(run, options...), args...)...), url}
}

// call makes a request and gives up if the container ends.
func (f function) call(method, path, body string) lambda.Answer {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	go func() { // ends with the request, if not with the container
		select {
		case <-f.Ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	answer, err := lambda.Request(ctx, method, f.url+path, body)
	if err != nil {
		f.t.Fatalf("%v; the container printed:\n%s", err, f.output())
	}
	return answer
}

func (f function) invoke(event string) lambda.Answer {
	f.t.Helper()
	return f.call(http.MethodPost, lambda.InvokePath, event)
}

// result invokes the function, which must succeed, and returns the JSON of its result.
func (f function) result(event string) string {
	f.t.Helper()
	a := f.invoke(event)
	if a.Status != http.StatusOK || a.Header.Get("X-Amz-Function-Error") != "" {
		f.t.Fatalf("invoke with %s: status %d, %s; the container printed:\n%s", event, a.Status, a.Body, f.output())
	}
	return a.Body
}

// errorType invokes the function, which must fail, and returns the error's type.
func (f function) errorType(event string) string {
	f.t.Helper()
	a := f.invoke(event)
	var failure struct {
		Type string `json:"errorType"`
	}
	if err := json.Unmarshal([]byte(a.Body), &failure); err != nil || a.Header.Get("X-Amz-Function-Error") == "" {
		f.t.Fatalf("invoke with %s: want an error, got status %d, %s", event, a.Status, a.Body)
	}
	return failure.Type
}

// checkParity checks that the function is the parity example and that it answers.
func (f function) checkParity() {
	f.t.Helper()
	if got := f.result(`{"number": 5}`); got != `{"parity":"odd"}` {
		f.t.Errorf("5 is %s", got)
	}
}
