package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"lambda-r-runtime/protocol/runtimeapi"
	"lambda-r-runtime/test/kit/lambda"
)

// The metrics of a tenant's invocation name the tenant, as its log does.
func TestMetricsOfTenant(t *testing.T) {
	rec := newRecorder(t, 10*time.Second, nil)
	p, f := startTenant(t, rec, "blue", "faults.echo", "LAMBDA_R_METRICS=true", "AWS_LAMBDA_FUNCTION_NAME=orders")
	id := f.invoke(`{}`).Header.Get("X-Amzn-Requestid")
	if d := p.waitForMetrics("RDuration", id); d.members["tenantId"] != "blue" || d.members["FunctionName"] != "orders" {
		t.Errorf("got %v", d.members)
	}
}

// In JSON, all records of a tenant's invocation have the tenant's id. In text, records have it on
// their first line, and R's output does not have it.
func TestTenantInTheLog(t *testing.T) {
	for format, want := range map[string][]string{
		"JSON": {
			`"message":"a line",.*"requestId":"ID","tenantId":"blue","stream":"stdout"`,
			`"message":"a message\\nof two lines",.*"requestId":"ID","tenantId":"blue"`,
			`"message":"invocation error",.*"requestId":"ID","tenantId":"blue","errorType":"simpleError","errorMessage":"an error\\nof two lines"`,
		},
		"Text": {
			`INF a line slot=0 pid=\d+ request_id=ID stream=stdout\n`,
			`INF a message slot=0 pid=\d+ request_id=ID tenant_id=blue\n\S+ INF of two lines slot=0 pid=\d+ request_id=ID\n`,
			`ERR invocation error: simpleError in tells\(\): an error slot=0 request_id=ID tenant_id=blue\n\S+ ERR of two lines slot=0 request_id=ID\n`,
		},
	} {
		t.Run(format, func(t *testing.T) {
			rec := newRecorder(t, 10*time.Second, nil)
			p, f := startTenant(t, rec, "blue", "faults.tells", "AWS_LAMBDA_LOG_FORMAT="+format)
			id := f.invoke(`{}`).Header.Get("X-Amzn-Requestid")
			for _, pattern := range want {
				p.waitFor(strings.ReplaceAll(pattern, "ID", id))
			}
		})
	}
}

// startTenant starts bootstrap as Lambda does, with rec as its Runtime API, which gives each
// invocation the id of the tenant.
func startTenant(t *testing.T, rec *recorder, tenant, handler string, env ...string) (*program, function) {
	t.Helper()
	url := lambda.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(runtimeapi.HeaderTenantID, tenant)
		rec.ServeHTTP(w, r)
	}))
	return start(t, "", lambda.Env(url, handler, env...)), function{t, rec.URL}
}
