package bench

import (
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/test/kit/lambda"
)

// BenchmarkLog measures how long a line of cat(), one message() and one repeated warning() take in a
// loop of 10,000: with Rscript, whose output is read through pipes, with the runtime, and with the
// runtime when the level is not logged.
func BenchmarkLog(b *testing.B) {
	const n = 10_000
	for _, handler := range []string{"talk_of_lines", "talk", "talk_of_warnings"} {
		b.Run(handler, func(b *testing.B) {
			program := build(b, "cmd/bootstrap")
			api := func() http.Handler { return emulator.New(emulator.Config{Timeout: time.Minute}) }
			logged := startWith(b, program, "testdata", "talk."+handler, api())
			defer logged.stop(b)
			silent := startWith(b, program, "testdata", "talk."+handler, api(), "LOG_LEVEL=error")
			defer silent.stop(b)
			var plain, inLog, off []float64
			for b.Loop() {
				script := fmt.Sprintf(`source("testdata/talk.R"); cat("took", %s(%d), "us\n")`, handler, n)
				out, err := exec.Command("Rscript", "-e", script).CombinedOutput()
				if err != nil {
					b.Fatal(err)
				}
				_, after, _ := strings.Cut(string(out), "took ")
				took, _, _ := strings.Cut(after, " us\n")
				plain = append(plain, number(b, took))
				inLog = append(inLog, logged.microseconds(b, n))
				off = append(off, silent.microseconds(b, n))
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(median(plain), "Rscript-us/call")
			b.ReportMetric(median(inLog), "logged-us/call")
			b.ReportMetric(median(off), "not-logged-us/call")
			b.ReportMetric(median(inLog)/median(plain), "logged/Rscript")
		})
	}
}

// microseconds invokes the function with n and returns its result.
func (r *runtime) microseconds(b *testing.B, n int) float64 {
	b.Helper()
	resp, err := http.Post(r.url+lambda.InvokePath, "application/json", strings.NewReader(fmt.Sprintf(`{"n": %d}`, n)))
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.Fatal(err)
	}
	return number(b, string(body))
}

func number(b *testing.B, text string) float64 {
	b.Helper()
	x, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil {
		b.Fatalf("not a number: %s", text)
	}
	return x
}
