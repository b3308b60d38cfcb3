package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// awsEvent returns a sample event of AWS.
func awsEvent(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../rscripts/tests/testthat/events/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// In the batch example, failed records are reported and logged, and the others are processed.
func TestBatch(t *testing.T) {
	root, err := filepath.Abs("../../examples/sqs-batch")
	if err != nil {
		t.Fatal(err)
	}
	rec := newRecorder(t, 20*time.Second, nil)
	p, f := startLambda(t, rec, "", "functions.process", "LAMBDA_TASK_ROOT="+root)
	for event, want := range map[string]string{
		"sqs-orders-event": `{"batchItemFailures":[{"itemIdentifier":"order-2"},{"itemIdentifier":"order-3"}]}`,
		"sqs-fifo-event":   `{"batchItemFailures":[{"itemIdentifier":"fifo-2"},{"itemIdentifier":"fifo-3"}]}`,
		"kinesis-event":    `{"batchItemFailures":[{"itemIdentifier":"49568167373333333333333333333333333333333333333333333333"}]}`,
	} {
		if got := f.result(awsEvent(t, event)); got != want {
			t.Errorf("%s: got %s, want %s", event, got, want)
		}
	}
	for _, pattern := range []string{
		`order A1 of 19\.9 is taken`,
		`order A4 of 5 is taken`,
		`record order-2 failed: simpleError: order A2 has a negative amount`,
		`at f\(record\)`,
		`at stop\("order ".*\(functions\.R:10\)`,
		`record order-3 failed: simpleError: this is not an order`,
	} {
		p.waitFor(pattern)
	}
	if e := f.failure(awsEvent(t, "sns-event")); e.Type != "Runtime.InvalidArguments" || !strings.Contains(e.Message, "from sns") {
		t.Errorf("a source without reports of single records: %+v", e)
	}
}

// A deadline during a batch fails the invocation. It does not count as the failure of a record.
func TestBatchDeadline(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir+"/functions.R", `
process <- batch_handler(function(record, context) {
  if (record$messageId == "order-2") Sys.sleep(60)
  stop("no")
})
`)
	rec := newRecorder(t, 2500*time.Millisecond, nil)
	p, f := startLambda(t, rec, "", "functions.process", "LAMBDA_TASK_ROOT="+dir, "LAMBDA_R_DEADLINE_MARGIN=1s")
	e := f.failure(awsEvent(t, "sqs-orders-event"))
	if e.Type != "Runtime.InvocationTimeout" || !regexp.MustCompile(`it was in Sys\.sleep`).MatchString(e.Message) {
		t.Errorf("got %+v", e)
	}
	p.waitFor("record order-1 failed: simpleError: no")
	if strings.Contains(p.output(), "record order-2 failed") {
		t.Errorf("the deadline became a failure of the record:\n%s", p.output())
	}
}

// An argument named event is simplified, but event_records() gets the event as it was sent.
func TestEventRecords(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir+"/functions.R", `
objects <- function(event) {
  stopifnot(is.data.frame(event$Records))
  lapply(event_records(event), function(record) record$data[c("bucket", "key")])
}
`)
	rec := newRecorder(t, 20*time.Second, nil)
	_, f := startLambda(t, rec, "", "functions.objects", "LAMBDA_TASK_ROOT="+dir)
	if got, want := f.result(awsEvent(t, "s3-event")), `[{"bucket":"sourcebucket","key":"Happy Face.jpg"}]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if e := f.failure(`{"Records": []}`); e.Type != "simpleError" || !strings.HasPrefix(e.Message, "is.data.frame") {
		t.Errorf("got %+v", e)
	}
	if e := f.failure(`{"Records": [{"eventSource": "aws:other"}]}`); e.Message != "event_records(): the event has no records: its source is direct" {
		t.Errorf("got %+v", e)
	}
}
