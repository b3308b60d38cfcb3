package durable

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"lambda-r-runtime/test/kit/lambda"
)

var casesDir = flag.String("durable.cases", "", "a folder with AWS's conformance cases, beside those of testdata")

// notImplemented are the cases that the runtime does not pass, and why.
var notImplemented = map[string]string{
	"1-17": "the Lambda process is expected to die; bootstrap outlives R, and reports Runtime.WorkerCrashed",
	"1-18": "the Lambda process is expected to die; bootstrap outlives R, and reports Runtime.WorkerCrashed",
}

// A conformanceCase is a file of AWS's suite.
type conformanceCase struct {
	Variables                map[string]string `yaml:"Variables"`
	Input                    any               `yaml:"Input"`
	CallbackActions          []callbackAction  `yaml:"CallbackActions"`
	ExpectedResult           map[string]any    `yaml:"ExpectedResult"`
	ExpectedExecutionHistory []any             `yaml:"ExpectedExecutionHistory"`
	ExpectedLogs             []expectedLog     `yaml:"ExpectedLogs"`
}

type callbackAction struct {
	CallbackName, Operation string
	Payload                 any
	Delay                   int
}

func (a *callbackAction) UnmarshalYAML(node *yaml.Node) error {
	var v struct {
		CallbackName string `yaml:"CallbackName"`
		Operation    string `yaml:"Operation"`
		Payload      any    `yaml:"Payload"`
		Delay        int    `yaml:"Delay"`
	}
	err := node.Decode(&v)
	*a = callbackAction(v)
	return err
}

type expectedLog struct {
	Match    map[string]string `yaml:"match"`
	Count    *int              `yaml:"count"`
	MinCount *int              `yaml:"min_count"`
	MaxCount *int              `yaml:"max_count"`
}

func TestConformance(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if *casesDir != "" {
		given, err := filepath.Glob(filepath.Join(*casesDir, "*", "*.yaml"))
		if err != nil || len(given) == 0 {
			t.Fatalf("no cases in %s: %v", *casesDir, err)
		}
		files = append(files, given...)
	}
	f := startFunction(t, "conformance.conform", "--skip-time", "--concurrency=2")
	t.Run("cases", func(t *testing.T) {
		for _, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), ".yaml")
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f.runCase(t, name, file, notImplemented)
			})
		}
	})
}

// runCase runs one case, which must fail if it is one of failing.
func (f *function) runCase(t *testing.T, name, file string, failing map[string]string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var c conformanceCase
	if err := yaml.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	why := f.check(t, name, &c)
	reason, declared := failing[name]
	switch {
	case declared && why == "":
		t.Errorf("the case passes, but is declared as not implemented: %s", reason)
	case declared:
		t.Logf("not implemented: %s (%s)", reason, why)
	case why != "":
		t.Error(why)
	}
}

// check returns why a case fails, or "".
func (f *function) check(t *testing.T, name string, c *conformanceCase) string {
	b := binding{}
	for v, value := range c.Variables {
		b[v] = value
		if strings.HasPrefix(value, "${GEN_STR:") {
			b[v] = v[:1] + strings.ToLower(strings.ReplaceAll(name+v, "_", "")) // like no other text of the case
		}
	}
	input, err := json.Marshal(b.expand(c.Input))
	if err != nil {
		t.Fatal(err)
	}
	arn := f.start(t, "case-"+name, input)
	slices.SortStableFunc(c.CallbackActions, func(a, b callbackAction) int { return a.Delay - b.Delay })
	for _, action := range c.CallbackActions {
		f.answer(t, arn, b, action)
	}
	var why string
	f.await(t, func() bool {
		execution := f.get(t, "/2025-12-01/durable-executions/"+url.QueryEscape(arn))
		events := f.history(t, arn)
		trial := binding{}
		for k, v := range b {
			trial[k] = v
		}
		why = matchHistory(trial, c.ExpectedExecutionHistory, events)
		if execution["Status"] == "RUNNING" {
			return c.ExpectedResult == nil && why == ""
		}
		if why == "" {
			why = matchResult(b, c.ExpectedResult, execution)
		}
		return true
	})
	if why != "" {
		shown, _ := json.MarshalIndent(f.history(t, arn), "", " ") // of what was JSON
		return fmt.Sprintf("%s\n%s", why, shown)
	}
	return f.matchLogs(arn, b, c.ExpectedLogs)
}

func matchHistory(b binding, want []any, got []any) string {
	for _, w := range want {
		members := w.(map[string]any)
		id, _ := members["EventId"].(int)
		if id < 1 || id > len(got) {
			return fmt.Sprintf("no event %v, %s", members["EventId"], members["EventType"])
		}
		if why := b.match(fmt.Sprintf("event %d", id), w, got[id-1]); why != "" {
			return why
		}
	}
	return ""
}

func matchResult(b binding, want, execution map[string]any) string {
	if status, ok := want["ExecutionStatus"]; ok && status != execution["Status"] {
		return fmt.Sprintf("the execution has ended with %v: %v, want %v", execution["Status"], execution["Error"], status)
	}
	expected, ok := want["Result"]
	if !ok {
		return ""
	}
	expected = b.expand(expected)
	result, _ := execution["Result"].(string)
	if expected == result {
		return ""
	}
	var got any
	if err := json.Unmarshal([]byte(result), &got); err != nil {
		return fmt.Sprintf("the result is %q, want %v", result, expected)
	}
	wantText, err1 := json.Marshal(expected)
	gotText, err2 := json.Marshal(got)
	if err1 != nil || err2 != nil || !bytes.Equal(wantText, gotText) {
		return fmt.Sprintf("the result is %s, want %s", gotText, wantText)
	}
	return ""
}

// matchLogs counts the lines of the log that belong to an execution.
func (f *function) matchLogs(arn string, b binding, want []expectedLog) string {
	for _, w := range want {
		pattern := b.expand(w.Match["message"]).(string)
		re := regexp.MustCompile(strings.Trim(pattern, "/"))
		n := 0
		for line := range strings.Lines(f.program.Output.String()) {
			message, _, _ := strings.Cut(line, "slot=")
			if strings.Contains(line, arn) && re.MatchString(message) {
				n++
			}
		}
		if w.Count != nil && n != *w.Count || w.MinCount != nil && n < *w.MinCount || w.MaxCount != nil && n > *w.MaxCount {
			return fmt.Sprintf("%d log records match %s", n, pattern)
		}
	}
	return ""
}

// answer answers a callback when it is open and its function suspended.
func (f *function) answer(t *testing.T, arn string, b binding, a callbackAction) {
	name := b.expand(a.CallbackName).(string)
	var id string
	f.await(t, func() bool {
		events := f.history(t, arn)
		id = openCallback(events, name)
		last, _ := events[len(events)-1].(map[string]any)
		return id != "" && last["EventType"] == "InvocationCompleted"
	})
	path := "/2025-12-01/durable-execution-callbacks/" + url.QueryEscape(id)
	body := []byte{}
	if a.Payload != nil {
		body = pythonJSON(t, b.expand(a.Payload))
	}
	operation := map[string]string{"success": "/succeed", "failure": "/fail", "heartbeat": "/heartbeat"}[a.Operation]
	f.post(t, path+operation, body, nil)
}

// pythonJSON returns JSON with the blanks that AWS's runner, which is in Python, puts in.
func pythonJSON(t *testing.T, v any) []byte {
	members, ok := v.(map[string]any)
	if !ok {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(members)) {
		parts = append(parts, fmt.Sprintf("%q: %s", key, pythonJSON(t, members[key])))
	}
	return []byte("{" + strings.Join(parts, ", ") + "}")
}

// openCallback returns the id of a callback of this name that has not ended, or "".
func openCallback(events []any, name string) (id string) {
	ended := map[any]bool{}
	for _, e := range events {
		e := e.(map[string]any)
		switch e["EventType"] {
		case "CallbackSucceeded", "CallbackFailed", "CallbackTimedOut":
			ended[e["Id"]] = true
		}
	}
	for _, e := range events {
		e := e.(map[string]any)
		if e["EventType"] == "CallbackStarted" && !ended[e["Id"]] && (name == "*" || e["Name"] == name) {
			id, _ = e["CallbackStartedDetails"].(map[string]any)["CallbackId"].(string)
		}
	}
	return id
}

// A function is bootstrap local with a handler of testdata.
type function struct {
	program *lambda.Program
	url     string
}

var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "durable-")
	if err != nil {
		return "", err
	}
	return lambda.Build(dir, "cmd/bootstrap")
})

func startFunction(t testing.TB, handler string, flags ...string) *function {
	t.Helper()
	bootstrap, err := build()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bootstrap, append([]string{"local", "--record=false", "--addr=" + addr, handler}, flags...)...)
	cmd.Env = append(os.Environ(), "LAMBDA_TASK_ROOT="+root, "CONFORMANCE_DIR="+t.TempDir())
	f := &function{startProgram(t, cmd), "http://" + addr}
	f.await(t, func() bool { return strings.Contains(f.program.Output.String(), "is served on") })
	return f
}

// startProgram starts a program that the end of the test stops.
func startProgram(t testing.TB, cmd *exec.Cmd) *lambda.Program {
	t.Helper()
	program, err := lambda.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := program.Stop(syscall.SIGTERM, 5*time.Second); err != nil {
			t.Error(err)
		}
	})
	return program
}

// limit is for tests that fail.
const limit = 90 * time.Second

// await waits for a condition.
func (f *function) await(t testing.TB, condition func() bool) {
	t.Helper()
	guard, tick := time.NewTimer(limit), time.NewTicker(20*time.Millisecond)
	defer guard.Stop()
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-f.program.Ended:
			t.Fatalf("bootstrap has ended:\n%s", f.program.Output.String())
		case <-guard.C:
			t.Fatalf("nothing has happened for %v:\n%s", limit, f.program.Output.String())
		}
	}
}

// start starts an execution and returns its ARN.
func (f *function) start(t testing.TB, name string, input []byte) string {
	t.Helper()
	header := f.post(t, "/2015-03-31/functions/"+name+"/invocations", input, map[string]string{"X-Amz-Invocation-Type": "Event"})
	return header.Get("X-Amz-Durable-Execution-Arn")
}

func (f *function) post(t testing.TB, path string, body []byte, header map[string]string) http.Header {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range header {
		req.Header.Set(key, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode > 299 {
		t.Fatalf("POST %s: %s %s %v", path, resp.Status, text, err)
	}
	return resp.Header
}

func (f *function) get(t testing.TB, path string) (v map[string]any) {
	t.Helper()
	resp, err := http.Get(f.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s %v", path, resp.Status, err)
	}
	return v
}

func (f *function) history(t testing.TB, arn string) []any {
	t.Helper()
	events, _ := f.get(t, "/2025-12-01/durable-executions/"+url.QueryEscape(arn)+"/history?IncludeExecutionData=true")["Events"].([]any)
	return events
}
