package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// kill kills the process whose pid a handler returned.
func kill(t *testing.T, pid string) {
	t.Helper()
	n, err := strconv.Atoi(pid)
	if err == nil {
		err = syscall.Kill(n, syscall.SIGKILL)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The README's example.
func TestParity(t *testing.T) {
	root, err := filepath.Abs("../../examples/parity")
	if err != nil {
		t.Fatal(err)
	}
	_, f := startLocal(t, "functions.parity", []string{"LAMBDA_TASK_ROOT=" + root})
	for event, want := range map[string]string{
		`{"number": 5}`: `{"parity":"odd"}`,
		`{"number": 8}`: `{"parity":"even"}`,
	} {
		if got := f.result(event); got != want {
			t.Errorf("%s: got %s, want %s", event, got, want)
		}
	}
	for event, want := range map[string]string{
		`{}`:                          `missing argument "number": parity takes number`,
		`{"numbr": 5}`:                `unknown argument "numbr": parity takes number`,
		`{"num": 5}`:                  `unknown argument "num"`, // R itself would match it to number
		`{"number": 5, "verbose": 1}`: `unknown argument "verbose"`,
	} {
		if e := f.failure(event); !strings.Contains(e.Message, want) {
			t.Errorf("%s: got %+v, want %s", event, e, want)
		}
	}
}

// The same function through AWS's SDK, which needs only another endpoint.
func TestSDK(t *testing.T) {
	_, f := startLocal(t, "faults.run", nil)
	client := lambda.New(lambda.Options{
		Region:       "us-east-1",
		Credentials:  credentials.NewStaticCredentialsProvider("id", "secret", ""),
		BaseEndpoint: aws.String(f.url),
	})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	invoke := func(event string) *lambda.InvokeOutput {
		out, err := client.Invoke(ctx, &lambda.InvokeInput{
			FunctionName: aws.String("function"), Payload: []byte(event), LogType: types.LogTypeTail,
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if out := invoke(call("echo", `{"event": {"number": 5}}`)); string(out.Payload) != `{"number":5}` || out.FunctionError != nil {
		t.Errorf("got %s, error %v", out.Payload, out.FunctionError)
	}
	out := invoke(call("boom", `{}`))
	if aws.ToString(out.FunctionError) != "Unhandled" {
		t.Errorf("the function error is %v", out.FunctionError)
	}
	tail, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
	if err != nil || !strings.Contains(string(tail), "100%s of %d {x}") || !strings.Contains(string(tail), "REPORT RequestId") {
		t.Errorf("the log's tail is %q, %v", tail, err)
	}
}

// With several workers, invocations run at once, and each gets its own answer.
func TestConcurrency(t *testing.T) {
	_, f := startLocal(t, "together.waits", nil, "--concurrency", "3")
	meet(f, 3)
	_, f = startLocal(t, "faults.echo", nil, "--concurrency", "3")
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			event := fmt.Sprintf(`"nonce-%d"`, i)
			if a, err := f.request(event); err != nil || a.Body != event {
				t.Errorf("got %s, %v, want %s", a.Body, err, event)
			}
		})
	}
	all.Wait()
}

// Output, warnings and messages of a function are logged with its request id.
func TestOutputOfTheFunction(t *testing.T) {
	p, f := startLocal(t, "faults.noisy", nil)
	id := f.invoke(`{}`).Header.Get("X-Amzn-Requestid")
	for _, line := range []string{
		`INF \[1\] "a print" .*request_id=%s.* stream=stdout`,
		`INF no newline at the end.* .*request_id=%s.* stream=stdout`,
		`INF .*from a child .*request_id=%s.* stream=stdout`,
		`INF an error line .*request_id=%s.* stream=stderr`,
		`INF a message .*request_id=%s`,
		`WRN a warning .*request_id=%s.* call=noisy\(\)`,
		`START RequestId: %s Version: \$LATEST`,
		`END RequestId: %s`,
		`REPORT RequestId: %s\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 512 MB\tMax Memory Used: [1-9]\d+ MB\tInit Duration: [1-9]\d+\.\d\d ms`,
	} {
		p.waitFor(fmt.Sprintf(line, id))
	}
}

// With JSON, the emulator's lines are Lambda's records, so that every line of the log is JSON.
func TestJSONLogHasLambdasRecords(t *testing.T) {
	p, f := startLocal(t, "faults.noisy", []string{"AWS_LAMBDA_LOG_FORMAT=JSON"})
	id := f.invoke(`{}`).Header.Get("X-Amzn-Requestid")
	for _, record := range []string{
		`"type":"platform.start","record":{"requestId":"` + id + `","version":"\$LATEST"}}`,
		`"type":"platform.runtimeDone","record":{"requestId":"` + id + `","status":"success","metrics":{"durationMs":`,
		`"type":"platform.report","record":{"requestId":"` + id + `","status":"success","metrics":{"durationMs":[\d.]+,"billedDurationMs":\d+,"memorySizeMB":512,"maxMemoryUsedMB":[1-9]\d+,"initDurationMs":[\d.]+}}}`,
	} {
		p.waitFor(`(?m)^{"time":"[-\dT:.]+Z",` + record)
	}
	_, log, _ := strings.Cut(p.output(), "Stop it with Ctrl-C.\n\n")
	for line := range strings.Lines(log) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
}

// A page of an origin that --cors names may call the function and read the answer. Only the emulator
// answers preflight requests.
func TestCORS(t *testing.T) {
	p, f := startLocal(t, "faults.echo", nil, "--http", "--cors", "https://app.example", "--cors", "https://other.example")
	for _, row := range []struct {
		method, path, origin string
		status               int
		allowed              string
	}{
		{http.MethodOptions, "/", "https://other.example", 200, "https://other.example"},
		{http.MethodOptions, "/", "https://evil.example", 403, ""},
		{http.MethodPost, "/", "https://app.example", 200, "https://app.example"},
		{http.MethodPost, "/", "http://localhost:3000", 200, ""}, // as without the flag
		{http.MethodPost, "/", "https://evil.example", 403, ""},
		{http.MethodPost, "/2015-03-31/functions/function/invocations", "https://app.example", 403, ""},
		{http.MethodGet, "/_console", "https://app.example", 403, ""},
	} {
		r, err := http.NewRequestWithContext(t.Context(), row.method, f.url+row.path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Origin", row.origin)
		if row.method == http.MethodOptions {
			r.Header.Set("Access-Control-Request-Method", "PUT")
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Header.Get("Access-Control-Allow-Origin"); resp.StatusCode != row.status || got != row.allowed {
			t.Errorf("%+v: got status %d, origin %q", row, resp.StatusCode, got)
		}
	}
	p.waitFor(`(?s)(START RequestId.*){2}`)
	if n := strings.Count(p.output(), "START RequestId"); n != 2 {
		t.Errorf("the function ran %d times, want 2", n)
	}
}

// An Event invocation that fails is tried three times and then written to the file of --on-failure.
// One that still waits at the end is reported.
func TestOnFailure(t *testing.T) {
	path := filepath.Join(t.TempDir(), "failures.jsonl")
	p, f := startLocal(t, "faults.run", nil, "--on-failure", path)
	event := func() string {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url+"/2015-03-31/functions/function/invocations",
			strings.NewReader(call("boom", `{}`)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Invocation-Type", "Event")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.Header.Get("X-Amzn-Requestid")
	}
	id := event()
	p.waitFor(`(?s)(START RequestId: ` + id + `.*){3}`)
	p.waitFor(id + ` asynchronous invocation discarded after 3 attempts: RetriesExhausted`)
	other := event()
	p.waitFor(other + ` asynchronous invocation failed, attempt 1 of 3, retrying in 1s`)
	p.Signal(syscall.SIGTERM)
	p.waitFor(`WRN asynchronous invocations dropped, because bootstrap local stops invocations=1`)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var record struct {
		RequestContext  struct{ RequestID string }
		RequestPayload  json.RawMessage
		ResponsePayload struct{ ErrorMessage string }
	}
	if err := json.Unmarshal(text, &record); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if record.RequestContext.RequestID != id || string(record.RequestPayload) != `{"what":"boom","with":{}}` || record.ResponsePayload.ErrorMessage == "" {
		t.Errorf("the record is %s", text)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}
}

// At level info a successful invocation adds no line of the runtime. At debug each step is logged.
func TestLogLevels(t *testing.T) {
	ours := regexp.MustCompile(`(?m)^\d{4}-\d\d-\d\dT.*$`)
	p, f := startLocal(t, "faults.echo", nil)
	id := f.invoke(`{}`).Header.Get("X-Amzn-Requestid")
	p.waitFor("REPORT RequestId: " + id)
	if lines := ours.FindAllString(p.output(), -1); len(lines) > 0 {
		t.Errorf("lines of ours at info: %q", lines)
	}

	p, f = startLocal(t, "faults.run", []string{"LOG_LEVEL=debug"})
	id = f.invoke(call("echo", `{"event": 1}`)).Header.Get("X-Amzn-Requestid")
	for _, pattern := range []string{
		`DBG R process started .*pid=\d+`,
		`DBG worker ready .*took=`,
		`DBG poll `,
		`DBG invocation received .*request_id=` + id + `.*event_bytes=\d+`,
		`DBG dispatch .*request_id=` + id,
		`DBG frame sent .*request_id=` + id + `.*payload_bytes=\d+`,
		`DBG frame received .*request_id=` + id + `.*payload_bytes=1 r_ms=`,
		`DBG R answered .*request_id=` + id,
		`DBG posted .*request_id=` + id + ` report=response`,
	} {
		p.waitFor(pattern)
	}
	f.failure(call("killed", `{}`))
	p.waitFor(`DBG R process ended .*pid=\d+ reason=.*SIGKILL`)
	p.waitFor(`DBG spawning .*failures=1`)
	f.failure(call("killed", `{}`))
	p.waitFor(`WRN backing off before the next worker .*pause=\d+.*failures=2`)
}

// With AWS_LAMBDA_LOG_FORMAT=JSON every record is a JSON object with Lambda's names.
func TestJSONLog(t *testing.T) {
	p, f := startLocal(t, "faults.run", []string{"AWS_LAMBDA_LOG_FORMAT=json"})
	f.failure(call("boom", `{}`))
	line := p.waitFor(`(?m)^(\{.*"invocation error".*\})$`)[1]
	var record struct {
		Timestamp, Level, Message, RequestID, ErrorType, ErrorMessage string
		StackTrace                                                    []string
	}
	if err := json.Unmarshal([]byte(line), &record); err != nil {
		t.Fatal(err)
	}
	if _, err := time.Parse("2006-01-02T15:04:05.000Z", record.Timestamp); err != nil {
		t.Error(err)
	}
	if record.Level != "ERROR" || record.RequestID == "" || record.ErrorType != "simpleError" ||
		record.ErrorMessage != "100%s of %d {x}" || len(record.StackTrace) < 2 {
		t.Errorf("got %+v", record)
	}
}

// lambda_log() writes one record with its fields, unchanged.
func TestLambdaLog(t *testing.T) {
	p, f := startLocal(t, "faults.run", nil)
	remaining, err := strconv.ParseFloat(f.result(call("logs", `{}`)), 64)
	if err != nil || remaining <= 0 || remaining > 30_000 {
		t.Errorf("remaining_ms() is %v, %v: want up to 30 s", remaining, err)
	}
	p.waitFor(`WRN 100%s of \{x\} .*request_id=\S+ list="\[1,\\"b\\"\]" name="a\\nb" ok=true rows=100 share=0\.25`)
	p.waitFor(`WRN and more .*request_id=`)
	if strings.Contains(p.output(), "not to be seen") {
		t.Error("a debug record was logged at info")
	}

	p, f = startLocal(t, "faults.run", []string{"AWS_LAMBDA_LOG_FORMAT=json", "LOG_LEVEL=debug"})
	f.result(call("logs", `{}`))
	p.waitFor(`"level":"WARN","message":"100%s of \{x\}\\nand more",.*"requestId":"[^"]+","list":\[1,"b"\],"name":"a\\nb","ok":true,"rows":100,"share":0\.25\}`)
	p.waitFor(`"level":"DEBUG","message":"not to be seen"`)
}

// R gets an environment that is safe in Lambda, and the function's own settings.
func TestEnvironmentOfR(t *testing.T) {
	_, f := startLocal(t, "faults.environment_of", []string{"HOME=/not/there", "TZ=:UTC", "LANG=", "LC_ALL=", "MINE=kept"}, "--memory", "300", "--concurrency", "2")
	var got map[string]string
	body := f.result(`{"names": ["HOME", "TZ", "LANG", "MINE", "TMPDIR", "AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "_HANDLER", "_X_AMZN_TRACE_ID"]}`)
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"HOME": "/tmp", "TZ": "UTC", "LANG": "C.UTF-8", "MINE": "kept", "AWS_LAMBDA_RUNTIME_API": "",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "300", "_HANDLER": "faults.environment_of",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if !strings.Contains(got["TMPDIR"], "/lambda-r-") || !strings.HasPrefix(got["_X_AMZN_TRACE_ID"], "Root=1-") {
		t.Errorf("TMPDIR is %q, the trace id %q", got["TMPDIR"], got["_X_AMZN_TRACE_ID"])
	}
}

func TestContext(t *testing.T) {
	_, f := startLocal(t, "faults.whole_context", nil)
	clientContext := base64.StdEncoding.EncodeToString([]byte(`{"custom": {"a": "b"}}`))
	a := f.invoke(`{}`, "X-Amz-Client-Context", clientContext)
	var got struct {
		ID            string  `json:"aws_request_id"`
		ARN           string  `json:"invoked_function_arn"`
		Name          string  `json:"function_name"`
		Memory        int     `json:"memory_limit_in_mb"`
		Remaining     float64 `json:"remaining"`
		ClientContext struct {
			Custom map[string]string `json:"custom"`
		} `json:"client_context"`
	}
	if err := json.Unmarshal([]byte(a.Body), &got); err != nil {
		t.Fatal(err)
	}
	if got.ID != a.Header.Get("X-Amzn-Requestid") || !strings.HasSuffix(got.ARN, ":function:function") || got.Name != "function" ||
		got.Memory != 512 || got.Remaining <= 0 || got.Remaining > 30000 || got.ClientContext.Custom["a"] != "b" {
		t.Errorf("got %s", a.Body)
	}
}

// Ctrl-C ends bootstrap local with status 0 and frees the port.
func TestInterrupt(t *testing.T) {
	p, f := startLocal(t, "faults.pid", nil)
	f.result(`{}`)
	p.Signal(syscall.SIGINT)
	if code := p.exitCode(); code != 0 {
		t.Errorf("exit status %d, want 0; it printed:\n%s", code, p.output())
	}
	if _, err := f.request(`{}`); err == nil {
		t.Error("it still answers")
	}
}

func TestCommandLine(t *testing.T) {
	_, f := startLocal(t, "faults.pid", nil)
	taken := strings.TrimPrefix(f.url, "http://")
	for _, row := range []struct {
		args []string
		env  []string
		code int
		text string
	}{
		{[]string{"version"}, nil, 0, "lambda-r-runtime dev (" + runtime.Version()},
		{[]string{"help"}, nil, 0, "bootstrap local [FLAGS] HANDLER"},
		{[]string{"local", "--help"}, nil, 0, "--concurrency"},
		{[]string{"local", "--nope"}, nil, 1, "--nope"},
		{[]string{"local", "--timeout", "abc", "faults.pid"}, nil, 1, `"abc"`},
		{[]string{"local", "--timeout", "0s", "faults.pid"}, nil, 1, "--timeout"},
		{[]string{"local", "--concurrency", "0", "faults.pid"}, nil, 1, "--concurrency"},
		{[]string{"local", "--queue", "-1", "faults.pid"}, nil, 1, "--queue"},
		{[]string{"local", "--memory", "0", "faults.pid"}, nil, 1, "--memory"},
		{[]string{"local", "--http=soap", "faults.pid"}, nil, 1, `--http="soap": not url, rest, alb or lattice`},
		{[]string{"local", "--cors", "https://app.example", "faults.pid"}, nil, 1, "--cors needs --http or --http=url"},
		{[]string{"local", "--http=alb", "--cors", "*", "faults.pid"}, nil, 1, "--cors needs --http or --http=url"},
		{[]string{"local", "--http", "--cors", "app.example", "faults.pid"}, nil, 1, `--cors: "app.example" is not an origin`},
		{[]string{"local", "--on-failure", "/nowhere/failures", "faults.pid"}, nil, 1, "--on-failure: open /nowhere/failures: no such file or directory"},
		{[]string{"local", "--snapstart", "--restores", "0", "faults.pid"}, nil, 1, `--restores="0": not a whole number from 1 to 100`},
		{[]string{"local", "--snapstart", "--restores", "101", "faults.pid"}, nil, 1, `--restores="101"`},
		{[]string{"local", "--restores", "2", "faults.pid"}, nil, 1, "--restores needs --snapstart"},
		{[]string{"local", "--snapstart", "--watch", "faults.pid"}, nil, 1, "--watch cannot be used with --snapstart"},
		{[]string{"local", "--snapstart", "--strict", "faults.pid"}, nil, 1, "--strict cannot be used with --snapstart"},
		{[]string{"local", "--snapstart"}, nil, 1, "no handler given"},
		{[]string{"local", "--snapstart", "--addr", taken, "faults.pid"}, nil, 1, "choose another address with --addr"},
		{[]string{"local", "faults.pid", "faults.echo"}, nil, 1, `cannot start the web server "faults.pid faults.echo"`},
		{[]string{"local", "--addr", taken, "faults.pid"}, nil, 1, "choose another address with --addr"},
		{[]string{"local", "faults.pid"}, []string{"LAMBDA_R_LOCAL_ADDR=" + taken}, 1, "address already in use"},
		{[]string{"local", "faults.pid"}, []string{"LAMBDA_R_LOCAL_ADDR=9000"}, 1, `LAMBDA_R_LOCAL_ADDR="9000"`},
		{nil, []string{"AWS_LAMBDA_RUNTIME_API=nonsense", "_HANDLER=faults.pid"}, 1, `AWS_LAMBDA_RUNTIME_API is "nonsense": want host:port`},
	} {
		t.Run(strings.Join(append(row.args, row.env...), " "), func(t *testing.T) {
			p := start(t, "", row.env, row.args...)
			if code := p.exitCode(); code != row.code {
				t.Errorf("exit status %d, want %d", code, row.code)
			}
			if !strings.Contains(p.output(), row.text) {
				t.Errorf("it does not print %q, but:\n%s", row.text, p.output())
			}
		})
	}
}

// The log says once that names were left out of a result.
func TestHintAtNames(t *testing.T) {
	root := t.TempDir()
	writeFile(t, filepath.Join(root, "handler.R"), `handler <- function(n) list(n = n, fit = c(a = n))`)
	p, f := startLocal(t, "handler.handler", []string{"LAMBDA_TASK_ROOT=" + root})
	for _, n := range []string{"1", "2"} {
		if got, want := f.result(`{"n": `+n+`}`), `{"n":`+n+`,"fit":`+n+`}`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	p.waitFor(`INF the names of result\$fit were left out; lambda_config\(keep_names = TRUE\) keeps names`)
	if n := strings.Count(p.output(), "were left out"); n != 1 {
		t.Errorf("the hint was logged %d times, want once", n)
	}
}
