package main

import (
	"encoding/json"
	"log/slog"
	"time"

	"lambda-r-runtime/supervisor"
	"lambda-r-runtime/worker"
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

// newObserver returns what the supervisor is to tell of its events, nil where nobody
// wants metrics.
func newObserver(c config, getenv func(string) string, out *logOutput, log *slog.Logger) func(supervisor.Event) {
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
func (m *metrics) observe(e supervisor.Event) {
	values, more := measure(e)
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

// measure returns the metrics of an event, and what else its line says.
func measure(e supervisor.Event) ([]metric, map[string]any) {
	more := map[string]any{"slot": e.Slot}
	r, isR := e.Worker.(*worker.Worker)
	switch e.Kind {
	case supervisor.WorkerReady:
		if isR {
			more["rVersion"] = r.Info().RVersion
			more["loadMs"] = r.Info().InitMs
			if slowest := r.Info().Slowest; len(slowest) > 0 {
				more["slowestPackages"] = slowest
			}
		}
		return []metric{milliseconds("InitDuration", e.Took)}, more
	case supervisor.WorkerLost:
		return []metric{count("WorkerRestarts")}, more
	case supervisor.WorkerRecycled:
		return []metric{count("WorkerRecycles")}, more
	}

	more["requestId"] = e.Invocation.ID
	if e.Invocation.TenantID != "" {
		more["tenantId"] = e.Invocation.TenantID
	}
	var values []metric
	if e.Error != nil && e.Error.Type == "Runtime.InvocationTimeout" {
		values = append(values, count("InvocationTimeouts"))
	}
	if !isR {
		return values, more
	}
	if took := e.RTime; took > 0 { // else R did not answer
		values = append(values, milliseconds("RDuration", took), milliseconds("RuntimeOverhead", max(0, e.Took-took)))
	}
	if rss := r.RSS(); rss > 0 && r.Err() == nil {
		values = append(values, metric{"WorkerRSS", "Megabytes", float64(rss) / (1 << 20)})
	}
	return values, more
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
