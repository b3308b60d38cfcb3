package e2e

import (
	"encoding/json"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// A metricDocument is a line in CloudWatch's embedded metric format.
type metricDocument struct {
	AWS struct {
		Timestamp         float64
		CloudWatchMetrics []struct {
			Namespace  string
			Dimensions [][]string
			Metrics    []struct{ Name, Unit string }
		}
	} `json:"_aws"`
	members map[string]any
}

// readMetrics reads a line and checks it against the specification: each dimension is a member
// with text, each metric a member with a number, and each unit one of CloudWatch's.
func readMetrics(t *testing.T, line string) metricDocument {
	t.Helper()
	var d metricDocument
	if err := json.Unmarshal([]byte(line), &d); err != nil {
		t.Fatalf("%v in %s", err, line)
	}
	if err := json.Unmarshal([]byte(line), &d.members); err != nil {
		t.Fatal(err)
	}
	if age := math.Abs(float64(time.Now().UnixMilli()) - d.AWS.Timestamp); age > 60_000 {
		t.Errorf("the time stamp is %v ms off", age)
	}
	if len(d.AWS.CloudWatchMetrics) != 1 {
		t.Fatalf("not one directive: %s", line)
	}
	directive := d.AWS.CloudWatchMetrics[0]
	if directive.Namespace != "LambdaRRuntime" || len(directive.Dimensions) != 1 || !slices.Equal(directive.Dimensions[0], []string{"FunctionName"}) {
		t.Errorf("got %+v", directive)
	}
	if name, ok := d.members["FunctionName"].(string); !ok || name == "" {
		t.Errorf("the dimension is %v", d.members["FunctionName"])
	}
	if len(directive.Metrics) == 0 {
		t.Errorf("no metric: %s", line)
	}
	for _, m := range directive.Metrics {
		if _, ok := d.members[m.Name].(float64); !ok {
			t.Errorf("%s is %v: no number", m.Name, d.members[m.Name])
		}
		if !slices.Contains([]string{"Milliseconds", "Count", "Megabytes"}, m.Unit) {
			t.Errorf("%s is in %q", m.Name, m.Unit)
		}
	}
	return d
}

// names returns the names of the metrics.
func (d metricDocument) names() []string {
	var names []string
	for _, m := range d.AWS.CloudWatchMetrics[0].Metrics {
		names = append(names, m.Name)
	}
	return names
}

// number returns a metric, which must exist.
func (d metricDocument) number(t *testing.T, name string) float64 {
	t.Helper()
	n, ok := d.members[name].(float64)
	if !ok {
		t.Errorf("no %s in %v", name, d.members)
	}
	return n
}

// waitForMetrics waits for a line that has a metric and matches pattern.
func (p *program) waitForMetrics(metric, pattern string) metricDocument {
	p.t.Helper()
	return readMetrics(p.t, p.waitFor(`(?m)^(\{.*"Name":"` + metric + `".*` + pattern + `.*\})$`)[1])
}

// The metrics of a real R's life: init, an invocation, a timeout, a crash and a recycling. Their
// lines are the same in both formats of the log.
func TestMetrics(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "app.R"), `
library(stats4)
x <- rnorm(10)
requireNamespace("splines")
run <- function(ms) { Sys.sleep(ms / 1000); ms }
dies <- function() quit(status = 3)
lives <- function(ms) if (ms < 0) dies() else run(ms)
`)
	for _, format := range []string{"Text", "JSON"} {
		t.Run(format, func(t *testing.T) {
			env := []string{"LAMBDA_TASK_ROOT=" + dir, "LAMBDA_R_METRICS=true", "AWS_LAMBDA_LOG_FORMAT=" + format, "LAMBDA_R_MAX_INVOCATIONS=3"}
			p, f := startLocal(t, "app.lives", env, "--timeout", "2s")
			started := p.waitForMetrics("InitDuration", "stats4")
			if ms := started.number(t, "InitDuration"); ms < 10 || ms > 30_000 {
				t.Errorf("the init took %v ms", ms)
			}
			var packages []string
			slowest, _ := started.members["slowestPackages"].([]any)
			for _, entry := range slowest {
				entry, _ := entry.(map[string]any)
				name, _ := entry["package"].(string)
				if ms, ok := entry["ms"].(float64); !ok || ms < 0 {
					t.Errorf("%s took %v", name, entry["ms"])
				}
				packages = append(packages, name)
			}
			slices.Sort(packages)
			if !slices.Equal(packages, []string{"splines", "stats4"}) {
				t.Errorf("the slowest packages are %v", slowest)
			}

			id := f.invoke(`{"ms": 100}`).Header.Get("X-Amzn-Requestid")
			answered := p.waitForMetrics("RDuration", id)
			if want := []string{"RDuration", "RuntimeOverhead", "WorkerRSS"}; !slices.Equal(answered.names(), want) {
				t.Errorf("metrics %q, want %q", answered.names(), want)
			}
			r, overhead, rss := answered.number(t, "RDuration"), answered.number(t, "RuntimeOverhead"), answered.number(t, "WorkerRSS")
			if r < 100 || r > 2000 || overhead <= 0 || overhead > 1000 || rss < 10 || rss > 1000 {
				t.Errorf("R took %v ms, the runtime %v ms, and R has %v MB", r, overhead, rss)
			}

			if e := f.failure(`{"ms": 60000}`); e.Type != "Runtime.InvocationTimeout" {
				t.Fatalf("got %+v", e)
			}
			stopped := p.waitForMetrics("InvocationTimeouts", `"requestId"`)
			if n := stopped.number(t, "InvocationTimeouts"); n != 1 {
				t.Errorf("%v timeouts", n)
			}
			if stopped.members["requestId"] == id {
				t.Error("a timeout of another invocation")
			}
			if n := p.waitForMetrics("WorkerRestarts", "").number(t, "WorkerRestarts"); n != 1 {
				t.Errorf("%v restarts", n)
			}
			f.failure(`{"ms": -1}`)
			for range 3 {
				f.result(`{"ms": 0}`)
			}
			if n := p.waitForMetrics("WorkerRecycles", "").number(t, "WorkerRecycles"); n != 1 {
				t.Errorf("%v recycles", n)
			}
			if n := len(regexp.MustCompile(`(?m)^\{.*"WorkerRestarts":1`).FindAllString(p.output(), -1)); n != 2 {
				t.Errorf("%d restarts, want one for the timeout and one for the crash", n)
			}
		})
	}
}

// A result that is too large has metrics like any other.
func TestMetricsOfResultTooLarge(t *testing.T) {
	p, f := startLocal(t, "faults.large", []string{"LAMBDA_R_METRICS=true"})
	if e := f.failure(`{"bytes": 6291557}`); e.Type != "Function.ResponseSizeTooLarge" {
		t.Fatalf("got %+v", e)
	}
	if d := p.waitForMetrics("RDuration", `"requestId"`); d.number(t, "RDuration") <= 0 || d.number(t, "RuntimeOverhead") <= 0 {
		t.Errorf("got %v", d.members)
	}
}

func TestNoMetricsUnlessAskedFor(t *testing.T) {
	p, f := startLocal(t, "faults.echo", nil)
	f.result(`{"a": 1}`)
	f.result(`{"a": 2}`) // by now all lines of the first are written
	if strings.Contains(p.output(), "_aws") {
		t.Errorf("printed:\n%s", p.output())
	}
}
