package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/emulator/front"
	"lambda-r-runtime/test/kit/board"
	"lambda-r-runtime/test/kit/lambda"
	"lambda-r-runtime/worker/process"
)

// startWeb starts a web server of testdata/web as Lambda does, or a function if command is one word.
func startWeb(b *testing.B, program string, slots string, command ...string) *runtime {
	b.Helper()
	api := emulator.New(emulator.Config{Timeout: 30 * time.Second, Limit: 100})
	return startCommand(b, exec.Command(program, command...), "testdata/web", command[0], api, "AWS_LAMBDA_MAX_CONCURRENCY="+slots)
}

// urlEvent returns the event of a function URL for a request.
func urlEvent(method, path string, body []byte) []byte {
	r := httptest.NewRequest(method, path, bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/octet-stream")
	return front.FunctionURL.Event(front.Request{HTTP: r, Body: body, ID: "id", TraceID: "Root=1-2-3", Time: time.Now()})
}

// send invokes the function and returns how long that took, and the status of its response.
func (r *runtime) send(b *testing.B, event []byte) (time.Duration, int) {
	b.Helper()
	begin := time.Now()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, r.url+lambda.InvokePath, bytes.NewReader(event))
	if err != nil {
		b.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	body := bytes.NewBuffer(make([]byte, 0, max(resp.ContentLength, 0)+bytes.MinRead))
	_, err = body.ReadFrom(resp.Body)
	took := time.Since(begin)
	if err != nil {
		b.Fatal(err)
	}
	var result struct{ StatusCode int }
	_ = json.Unmarshal(body.Bytes(), &result) // an error of the function has no status
	return took, result.StatusCode
}

// BenchmarkWebServer measures requests through emulator and bootstrap: a server of httpuv, plumber as a
// server, and the same API in the worker. Beside the servers are the scripts alone, without either.
func BenchmarkWebServer(b *testing.B) {
	program := build(b, "cmd/bootstrap")
	for _, row := range [][]string{{"httpuv", "Rscript", "httpuv.R"}, {"plumber", "Rscript", "plumber.R"}, {"in-process", "api.R"}} {
		if len(row) == 3 {
			b.Run(row[0]+"-alone", func(b *testing.B) {
				s := startAlone(b, row[2])
				defer s.stop()
				measure(b, s.get)
			})
		}
		b.Run(row[0], func(b *testing.B) {
			r := startWeb(b, program, "1", row[1:]...)
			defer r.stop(b)
			event := urlEvent("GET", "/", nil)
			measure(b, func(b *testing.B) time.Duration {
				took, status := r.send(b, event)
				if status != 200 {
					b.Fatalf("status %d\n%s", status, r.Output.String())
				}
				return took
			})
		})
	}
}

// measure reports the quantiles of what send returns.
func measure(b *testing.B, send func(*testing.B) time.Duration) {
	b.Helper()
	for range 20 { // R compiles what it calls often
		send(b)
	}
	var times []time.Duration
	for b.Loop() {
		times = append(times, send(b))
	}
	b.ReportMetric(quantile(times, 0.5), "ms-p50")
	b.ReportMetric(quantile(times, 0.99), "ms-p99")
}

// BenchmarkWebServerParallel sends four requests of one second to four processes.
func BenchmarkWebServerParallel(b *testing.B) {
	r := startWeb(b, build(b, "cmd/bootstrap"), "4", "Rscript", "httpuv.R")
	defer r.stop(b)
	event := urlEvent("GET", "/second", nil)
	all := func() {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { r.send(b, event) }) // Wait waits for it
		}
		wg.Wait()
	}
	all() // all four are ready
	all()
	for b.Loop() {
		all()
	}
}

// BenchmarkWebServerEcho sends 4 MB and gets them back.
func BenchmarkWebServerEcho(b *testing.B) {
	r := startWeb(b, build(b, "cmd/bootstrap"), "1", "Rscript", "httpuv.R")
	defer r.stop(b)
	event := urlEvent("POST", "/echo", []byte(strings.Repeat("\x00\x01\xfe\xff", 1<<20)))
	var times []time.Duration
	for b.Loop() {
		took, status := r.send(b, event)
		if status != 200 {
			b.Fatalf("status %d\n%.2000s", status, r.Output.String())
		}
		times = append(times, took)
	}
	b.ReportMetric(quantile(times, 0.5), "ms-p50")
}

// BenchmarkWebServerCrash measures from the call that kills the server to the next answer: of one that is
// started again, and of one that is forked. The floor of the former is the script alone, until it listens.
func BenchmarkWebServerCrash(b *testing.B) {
	program := build(b, "cmd/bootstrap")
	die, event := urlEvent("GET", "/die", nil), urlEvent("GET", "/", nil)
	for _, server := range []string{"httpuv.R", "plumber.R"} {
		b.Run(server+"/alone", func(b *testing.B) {
			var times []time.Duration
			for b.Loop() {
				s := startAlone(b, server)
				times = append(times, s.took)
				s.stop()
			}
			b.ReportMetric(quantile(times, 0.5), "ms-p50")
		})
		for _, fork := range []string{"never", "always"} {
			b.Run(server+"/"+fork, func(b *testing.B) {
				b.Setenv("LAMBDA_R_FORK", fork)
				r := startWeb(b, program, "1", "Rscript", server)
				defer r.stop(b)
				r.send(b, event)
				var times []time.Duration
				for b.Loop() {
					begin := time.Now()
					r.send(b, die)
					if _, status := r.send(b, event); status != 200 {
						b.Fatalf("status %d\n%s", status, r.Output.String())
					}
					times = append(times, time.Since(begin))
				}
				b.ReportMetric(quantile(times, 0.5), "ms-p50")
			})
		}
	}
}

// alone is a script of testdata/web without bootstrap. It listens on the port that it names.
type alone struct {
	cmd  *exec.Cmd
	took time.Duration // until it listened
}

const alonePort = 8000

// startAlone starts a script with Rscript, and waits until it listens.
func startAlone(b *testing.B, script string) *alone {
	b.Helper()
	a := &alone{cmd: exec.Command("Rscript", script)}
	a.cmd.Dir = "testdata/web"
	begin := time.Now()
	if err := a.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	listens := board.Poll(30*time.Second, func() bool { return process.Listens(alonePort) })
	if a.took = time.Since(begin); !listens {
		a.stop()
		b.Fatalf("%s does not listen on port %d", script, alonePort)
	}
	return a
}

func (a *alone) stop() {
	_ = a.cmd.Process.Kill() // it may have ended
	_ = a.cmd.Wait()         // the error is that it was killed
}

// get sends a request on a connection of its own, and returns how long that took.
func (a *alone) get(b *testing.B) time.Duration {
	b.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	begin := time.Now()
	resp, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/", alonePort))
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 {
		b.Fatalf("status %d, %v", resp.StatusCode, err)
	}
	return time.Since(begin)
}
