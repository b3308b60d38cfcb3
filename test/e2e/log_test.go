package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Printed JSON and metrics go to the log unchanged, in both formats. Lines of log packages keep
// their level, and fields of lambda_log() stay JSON without forging others.
func TestPrintedJSON(t *testing.T) {
	for _, format := range []string{"text", "JSON"} {
		p, f := startLocal(t, "logs.run", []string{"AWS_LAMBDA_LOG_FORMAT=" + format})
		f.result(`{"what": "prints_json"}`)
		p.waitFor(`(?m)^\{"level": "WARN", "n": 1\.50\}$`)
		p.waitFor(`(?m)^\{"to": "stderr"\}$`)
		p.waitFor(`(?m)^\{"_aws":\{"Timestamp":\d+,"CloudWatchMetrics":\[\{"Namespace":"function",` +
			`"Dimensions":\[\["FunctionName"\]\],"Metrics":\[\{"Name":"Rows","Unit":"Count"\}\]\}\]\},"FunctionName":"function","Rows":3,"model":"gbm"\}$`)
		if format == "JSON" {
			p.waitFor(`"level":"ERROR","message":"ERROR \[2026-01-31 12:00:00\] of a log package"`)
			p.waitFor(`"message":"fields",.*"field_errorType":"forged","field_error_type":"forged","rows":\[1,"x"\]\}`)
			p.waitFor(`"message":"\\u202e\\u009b31m end"`)
		} else {
			p.waitFor(`ERR ERROR \[2026-01-31 12:00:00\] of a log package`)
			p.waitFor(`INF \\u202e\\x9b31m end`)
		}
	}
}

// Records of forked children keep their level, their fields and their lines.
func TestLogOfForks(t *testing.T) {
	p, f := startLocal(t, "logs.run", []string{"AWS_LAMBDA_LOG_FORMAT=JSON"})
	if got := f.result(`{"what": "forks"}`); got != "2" {
		t.Errorf("got %s", got)
	}
	for i := 1; i <= 2; i++ {
		p.waitFor(fmt.Sprintf(`"level":"ERROR","message":"child %d",.*"requestId":"[^"]+","i":%d,"long":"x{1000}x+"\}`, i, i))
		p.waitFor(fmt.Sprintf(`"level":"WARN","message":"a warning of child %d"`, i))
	}
	if strings.Contains(p.output(), "not to be seen") {
		t.Error("a child logged below the log level")
	}
}

// A sink of messages gets what R prints at once.
func TestSinkOfMessages(t *testing.T) {
	_, f := startLocal(t, "logs.run", nil)
	var got []string
	if err := json.Unmarshal([]byte(f.result(`{"what": "sinks"}`)), &got); err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(got, "\n"); !strings.Contains(text, "captured\n") || !strings.Contains(text, "captured, too") {
		t.Errorf("got %q", got)
	}
}

// No message is lost or out of order. Repeated warnings are counted.
func TestLoopThatTalks(t *testing.T) {
	p, f := startLocal(t, "logs.run", nil)
	const n = 5000
	f.result(fmt.Sprintf(`{"what": "talks", "n": %d}`, n))
	p.waitFor(`REPORT `)
	lines := regexp.MustCompile(`INF message (\d+) `).FindAllStringSubmatch(p.output(), -1)
	if len(lines) != n {
		t.Fatalf("%d of %d messages were logged", len(lines), n)
	}
	for i, line := range lines {
		if line[1] != fmt.Sprint(i+1) {
			t.Fatalf("message %d has the number %s", i+1, line[1])
		}
	}
	f.result(`{"what": "warns", "n": 75000}`)
	p.waitFor(`WRN again \(75000 times in all, 5 logged\)`)
	if got := strings.Count(p.output(), "WRN again "); got != 6 {
		t.Errorf("%d warnings were logged, want 5 and their total", got)
	}

	p, f = startLocal(t, "logs.run", []string{"LOG_LEVEL=error"})
	f.result(`{"what": "talks", "n": 10}`)
	f.result(`{"what": "warns", "n": 10}`)
	if strings.Contains(p.output(), "message 1") || strings.Contains(p.output(), "again") {
		t.Errorf("logged below the level:\n%s", p.output())
	}
}

// If nobody reads the log, invocations are answered, and a signal ends bootstrap.
func TestNobodyReadsTheLog(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	rec := newRecorder(t, 10*time.Second, nil)
	p := startWith(t, []*os.File{w}, "", rec.Env("logs.run", "_LAMBDA_TELEMETRY_LOG_FD=3"))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f := function{t, rec.URL}
	for range 3 {
		if got := f.result(`{"what": "floods", "mb": 3}`); got != "3" {
			t.Errorf("got %s", got)
		}
	}
	p.Signal(syscall.SIGTERM)
	if code := p.exitCode(); code != 0 {
		t.Errorf("exit status %d", code)
	}
}
