package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestExamples serves each folder of examples/ as its comments say. The plumber API and the batch
// have more tests in plumber_test.go and batch_test.go.
func TestExamples(t *testing.T) {
	examples := map[string]func(*testing.T, string){
		"parity":    exampleParity,
		"http-api":  exampleHTTP,
		"sqs-batch": exampleBatch,
		"plumber":   examplePlumber,
		"model":     exampleModel,
		"snapstart": exampleSnapStart,
		"tested":    exampleTested,
		"webserver": exampleWebServer,
		"durable":   exampleDurable,
		"report":    exampleReport,
		"s3":        exampleS3,
		"schedule":  exampleSchedule,
		"service":   exampleService,
	}
	folders, err := os.ReadDir("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		t.Run(folder.Name(), func(t *testing.T) {
			t.Parallel()
			example := examples[folder.Name()]
			if example == nil {
				t.Fatal("an example without a test")
			}
			dir, err := filepath.Abs("../../examples/" + folder.Name())
			if err != nil {
				t.Fatal(err)
			}
			example(t, dir)
		})
	}
	if len(folders) != len(examples) {
		t.Errorf("%d examples, %d tests of them", len(folders), len(examples))
	}
}

// serveExample serves a handler of the folder dir.
func serveExample(t *testing.T, dir, handler string) function {
	t.Helper()
	_, f := startLocal(t, handler, []string{"LAMBDA_TASK_ROOT=" + dir}, "--http")
	return f
}

func exampleWebServer(t *testing.T, dir string) {
	for script, row := range map[string]struct{ method, path, body, want string }{
		"httpuv.R":         {"GET", "/a", "", "hello from /a"},
		"plumber-server.R": {"GET", "/sum?a=1&b=2.5", "", `{"sum":[3.5]}`},
		"model.R":          {"POST", "/predict", `[{"wt": 2.5}, {"wt": 3.5}]`, "[23.9"},
	} {
		_, f := startWeb(t, []string{"LAMBDA_TASK_ROOT=" + dir}, nil, "Rscript", script)
		got := f.http(row.method, row.path, row.body, "Content-Type", "application/json")
		if got.Status != 200 || !strings.HasPrefix(got.Body, row.want) {
			t.Errorf("%s: got %d %s, want %s", script, got.Status, got.Body, row.want)
		}
	}
}

func exampleParity(t *testing.T, dir string) {
	f := serveExample(t, dir, "functions.parity")
	if got := f.result(`{"number": 5}`); got != `{"parity":"odd"}` {
		t.Errorf("got %s", got)
	}
}

func exampleHTTP(t *testing.T, dir string) {
	f := serveExample(t, dir, "api.handle")
	for _, row := range []struct {
		path, accept        string
		status              int
		contentType, begins string
	}{
		{"/summary?n=50", "*/*", 200, "application/json", `{"n":50,"mean":0.1004`},
		{"/plot?n=50", "*/*", 200, "image/png", "\x89PNG\r\n"},
		{"/data?n=2", "*/*", 200, "application/json", `[{"draw":1,"value":-0.6264`},
		{"/data?n=2", "text/csv", 200, "text/csv; charset=utf-8", "\"draw\",\"value\"\r\n1,-0.6264"},
		{"/data?n=none", "*/*", 400, "text/plain; charset=utf-8", "n is a whole number from 1 to 100000"},
		{"/nothing", "*/*", 404, "text/plain; charset=utf-8", "there is /summary, /plot and /data"},
	} {
		got := f.http("GET", row.path, "", "Accept", row.accept)
		if got.Status != row.status || got.Header.Get("Content-Type") != row.contentType || !strings.HasPrefix(got.Body, row.begins) {
			t.Errorf("%s: got %d %s %.100q", row.path, got.Status, got.Header.Get("Content-Type"), got.Body)
		}
	}
}

func exampleBatch(t *testing.T, dir string) {
	f := serveExample(t, dir, "functions.process")
	event := `{"Records": [
		{"eventSource": "aws:sqs", "messageId": "a", "body": "{\"id\": \"A1\", \"amount\": 19.9}"},
		{"eventSource": "aws:sqs", "messageId": "b", "body": "{\"id\": \"B2\", \"amount\": -1}"}]}`
	if got := f.result(event); got != `{"batchItemFailures":[{"itemIdentifier":"b"}]}` {
		t.Errorf("got %s", got)
	}
}

func examplePlumber(t *testing.T, dir string) {
	f := serveExample(t, dir, "plumber.R")
	got := f.http("POST", "/sum", `[1, 2, 3.5]`, "Content-Type", "application/json")
	if got.Status != 200 || got.Body != `{"sum":6.5}` {
		t.Errorf("got %d %s", got.Status, got.Body)
	}
}

func exampleModel(t *testing.T, dir string) {
	f := serveExample(t, dir, "functions.predict_mpg")
	got := f.result(`{"wt": [2.5, 3.5], "hp": [100, 150]}`)
	if !strings.HasPrefix(got, `[{"wt":2.5,"hp":100,"fit":24.35`) || strings.Count(got, `"upr"`) != 2 {
		t.Errorf("got %s", got)
	}
	if e := f.failure(`{"wt": [1, 2], "hp": 100}`); !strings.Contains(e.Message, "as many of one as of the other") {
		t.Errorf("got %+v", e)
	}
	f = serveExample(t, dir, "functions.serve")
	for _, row := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"/ping", "", 200, `{"status":"online"}`},
		{"/metadata", "", 200, `{"model":"lm","formula":"mpg ~ wt + hp","columns":{"wt":"numeric","hp":"numeric"}}`},
		{"/predict", `[{"wt": 2.5, "hp": 100}, {"wt": 3.5, "hp": 150, "more": "x"}]`, 200, `{"predict":[24.35`},
		{"/predict", `[{"wt": "heavy", "hp": 100}]`, 422, "wt must be a number in each object"},
		{"/predict", `[{"wt": 2.5}]`, 422, "hp must be a number in each object"},
		{"/predict", `{"wt": 2.5, "hp": 100}`, 400, ""},
		{"/other", "", 404, "there is /ping"},
	} {
		method := "GET"
		if row.body != "" {
			method = "POST"
		}
		got := f.http(method, row.path, row.body, "Content-Type", "application/json")
		if got.Status != row.status || !strings.HasPrefix(got.Body, row.want) {
			t.Errorf("%s %s: got %d %s, want %d %s", row.path, row.body, got.Status, got.Body, row.status, row.want)
		}
	}
}

// The example is served alike with SnapStart, from two environments, and without.
func exampleSnapStart(t *testing.T, dir string) {
	const event, want = `{"car": "Fiat 128", "load": 0.5}`, `{"car":"Fiat 128","mpg":24.7}`
	if got := serveExample(t, dir, "functions.consumption").result(event); got != want {
		t.Errorf("got %s", got)
	}
	p, f := startLocal(t, "functions.consumption", []string{"LAMBDA_TASK_ROOT=" + dir}, "--snapstart", "--restores", "2")
	p.waitFor(`SnapStart: init [\d.]+ s, snapshot .*, restore [\d.]+ s( to [\d.]+ s)? in 2 environments`)
	for range 2 {
		if got := f.result(event); got != want {
			t.Errorf("with SnapStart, got %s", got)
		}
	}
	p.waitFor(`(?s)\[1\] END.*\[2\] END|\[2\] END.*\[1\] END`) // both environments have served one
	if strings.Contains(p.output(), "a restore breaks or repeats") {
		t.Errorf("the log warns:\n%s", p.output())
	}
}

// Every sample event goes through a real R, to a handler that takes arguments and to one that
// takes the event. HTTP sources get a response.
func TestEveryEvent(t *testing.T) {
	files, err := filepath.Glob("../../rscripts/tests/testthat/events/*.json")
	if err != nil || len(files) < 20 {
		t.Fatalf("found %q, %v", files, err)
	}
	for _, handler := range []string{"http.names_of_arguments", "http.names_of_event"} {
		_, f := startLambda(t, newRecorder(t, 20*time.Second, nil), "", handler)
		for _, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), ".json")
			t.Run(fmt.Sprint(handler, "/", name), func(t *testing.T) {
				event, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				f := function{t, f.url}
				isHTTP := !strings.Contains(name, "authorizer-") &&
					slices.ContainsFunc([]string{"alb", "apigw", "lambda-urls", "vpc-lattice"}, func(p string) bool { return strings.HasPrefix(name, p) })
				if isHTTP {
					if got := f.proxy(string(event)); got.Status != 200 || !strings.HasPrefix(got.Body, "[") {
						t.Errorf("got %+v", got)
					}
				} else if got := f.result(string(event)); !strings.HasPrefix(got, "[") {
					t.Errorf("got %s", got)
				}
			})
		}
	}
}
