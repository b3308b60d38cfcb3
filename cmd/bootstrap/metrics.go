package main

import (
	"encoding/json"
	"log/slog"
	"time"

	"lambda-r-runtime/protocol/runtimeapi"
	"lambda-r-runtime/supervisor"
)

// metricsNamespace is where CloudWatch shows the metrics, for each function.
const metricsNamespace = "LambdaRRuntime"

// metrics writes what happens as metrics, lines of the log that CloudWatch reads
// ("Specification: Embedded metric format" in the CloudWatch user guide).
type metrics struct {
	out      *logOutput
	function string // its name
	log      *slog.Logger
}

// newObserver returns the supervisor's Observe, or nil without metrics.
func newObserver(c config, getenv func(string) string, out *logOutput, log *slog.Logger) func(supervisor.Transition) {
	if !c.metrics {
		return nil
	}
	function := getenv("AWS_LAMBDA_FUNCTION_NAME")
	if function == "" {
		function = "function" // as bootstrap local calls it
	}
	return (&metrics{out, function, log}).observe
}

// A metric is one value at one time.
type metric struct {
	name  string
	unit  string // as CloudWatch calls it
	value float64
}

// observe is the supervisor's Observe.
func (m *metrics) observe(t supervisor.Transition) {
	values, more := measure(t)
	if len(values) == 0 {
		return
	}
	line, err := metricsLine(time.Now(), m.function, values, more)
	if err == nil {
		err = m.out.writeJSON(line)
	}
	if err != nil {
		m.log.Warn("metrics not written", "error", err)
	}
}

// measure returns the metrics of a transition, and what else its line says.
func measure(t supervisor.Transition) ([]metric, map[string]any) {
	switch t := t.(type) {
	case supervisor.Ready:
		more := map[string]any{"slot": t.Slot, "rVersion": t.Stats.Ready.RVersion, "loadMs": t.Stats.Ready.InitMs}
		if slowest := t.Stats.Ready.Slowest; len(slowest) > 0 {
			more["slowestPackages"] = slowest
		}
		return []metric{milliseconds("InitDuration", t.Took)}, more
	case supervisor.Lost:
		return []metric{count("WorkerRestarts")}, map[string]any{"slot": t.Slot}
	case supervisor.Recycled:
		return []metric{count("WorkerRecycles")}, map[string]any{"slot": t.Slot}
	case supervisor.Reported:
		more := map[string]any{"slot": t.Slot, "requestId": t.Invocation.ID}
		if t.Invocation.TenantID != "" {
			more["tenantId"] = t.Invocation.TenantID
		}
		return measureReported(t), more
	}
	return nil, nil
}

func measureReported(t supervisor.Reported) []metric {
	var values []metric
	if t.Failure != nil && t.Failure.Type == runtimeapi.ErrorInvocationTimeout {
		values = append(values, count("InvocationTimeouts"))
	}
	if t.RTime > 0 { // else R did not answer
		values = append(values, milliseconds("RDuration", t.RTime), milliseconds("RuntimeOverhead", max(0, t.Took-t.RTime)))
	}
	if t.RSS > 0 {
		values = append(values, metric{"WorkerRSS", "Megabytes", float64(t.RSS) / (1 << 20)})
	}
	return values
}

func count(name string) metric { return metric{name, "Count", 1} }

func milliseconds(name string, d time.Duration) metric {
	return metric{name, "Milliseconds", float64(d) / float64(time.Millisecond)}
}

// metricsLine returns the document of values, whose dimension is the function. More is
// for who reads the log: CloudWatch makes no metric of it.
func metricsLine(at time.Time, function string, values []metric, more map[string]any) ([]byte, error) {
	type definition struct{ Name, Unit string }
	type directive struct {
		Namespace  string
		Dimensions [][]string
		Metrics    []definition
	}
	d := directive{Namespace: metricsNamespace, Dimensions: [][]string{{"FunctionName"}}}
	document := map[string]any{"FunctionName": function}
	for name, value := range more {
		document[name] = value
	}
	for _, v := range values {
		d.Metrics = append(d.Metrics, definition{v.name, v.unit})
		document[v.name] = v.value
	}
	document["_aws"] = map[string]any{"Timestamp": at.UnixMilli(), "CloudWatchMetrics": []directive{d}}
	return json.Marshal(document)
}
