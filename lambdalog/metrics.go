package lambdalog

import (
	"encoding/json"
	"log/slog"
	"time"

	"lambda-r-runtime/protocol/runtimeapi"
	"lambda-r-runtime/supervisor"
)

// metricsNamespace is the CloudWatch namespace of the metrics.
const metricsNamespace = "LambdaRRuntime"

// Metrics writes metrics of the supervisor's transitions: log lines that CloudWatch reads
// ("Specification: Embedded metric format" in the CloudWatch user guide).
type Metrics struct {
	out      *Output
	function string
	log      *slog.Logger
}

// NewMetrics returns Metrics of a function with this name. Log is where failures to write
// them are reported.
func NewMetrics(out *Output, function string, log *slog.Logger) *Metrics {
	return &Metrics{out, function, log}
}

// Observe writes the metrics of t, if it has any.
func (m *Metrics) Observe(t supervisor.Transition) {
	values, properties := measure(t)
	if len(values) == 0 {
		return
	}
	line, err := metricsLine(time.Now(), m.function, values, properties)
	if err == nil {
		err = m.out.writeJSON(line, slog.LevelInfo, "")
	}
	if err != nil {
		m.log.Warn("metrics not written", "error", err)
	}
}

// A metric is one value at one time.
type metric struct {
	name  string
	unit  string // a unit of CloudWatch
	value float64
}

func count(name string) metric { return metric{name, "Count", 1} }

func milliseconds(name string, d time.Duration) metric {
	return metric{name, "Milliseconds", float64(d) / float64(time.Millisecond)}
}

// measure returns the metrics of a transition, and the other members of its line.
func measure(t supervisor.Transition) (values []metric, properties map[string]any) {
	switch t := t.(type) {
	case supervisor.Ready:
		ready := t.Stats.Ready
		properties := map[string]any{"slot": t.Slot, "rVersion": ready.RVersion, "loadMs": ready.InitMs}
		if len(ready.Slowest) > 0 {
			properties["slowestPackages"] = ready.Slowest
		}
		return []metric{milliseconds("InitDuration", t.Took)}, properties
	case supervisor.Lost:
		return []metric{count("WorkerRestarts")}, map[string]any{"slot": t.Slot}
	case supervisor.Recycled:
		return []metric{count("WorkerRecycles")}, map[string]any{"slot": t.Slot}
	case supervisor.Reported:
		properties := map[string]any{"slot": t.Slot, "requestId": t.Invocation.ID}
		if t.Invocation.TenantID != "" {
			properties["tenantId"] = t.Invocation.TenantID
		}
		return measureReported(t), properties
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

// metricsLine returns a document with values, whose dimension is the function. CloudWatch
// makes no metrics of the properties: they are for readers of the log.
func metricsLine(at time.Time, function string, values []metric, properties map[string]any) ([]byte, error) {
	type definition struct{ Name, Unit string }
	type directive struct {
		Namespace  string
		Dimensions [][]string
		Metrics    []definition
	}
	d := directive{Namespace: metricsNamespace, Dimensions: [][]string{{"FunctionName"}}}
	document := map[string]any{"FunctionName": function}
	for name, value := range properties {
		document[name] = value
	}
	for _, v := range values {
		d.Metrics = append(d.Metrics, definition{v.name, v.unit})
		document[v.name] = v.value
	}
	document["_aws"] = map[string]any{"Timestamp": at.UnixMilli(), "CloudWatchMetrics": []directive{d}}
	return json.Marshal(document)
}
