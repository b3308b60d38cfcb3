package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/emulator/front"
	"lambda-r-runtime/test/kit/lambda"
)

// A peer is a way to serve the functions of testdata/peers: this runtime, or another one.
type peer struct {
	name    string
	command []string
	missing string // why it cannot be measured, if not empty
	file    string // the part of _HANDLER before the dot; "": a plumber API
}

// peers returns all peers. Those that are not installed say so.
func peers(b *testing.B) []*peer {
	bootstrap, gohandler := build(b, "cmd/bootstrap"), build(b, "test/bench/gohandler")
	return []*peer{
		{name: "this runtime", command: []string{bootstrap}, file: "functions"},
		{name: "plumber on it", command: []string{bootstrap}, missing: missingPackages("plumber")},
		{name: "lambdr", command: []string{"Rscript", "lambdr.R"}, file: "functions",
			missing: missingPackages("lambdr", "httr", "jsonlite")},
		{name: "Python", command: []string{"python3", "handler.py"}, file: "handler", missing: missingCommand("python3")},
		{name: "Go", command: []string{gohandler}, file: "handler"},
	}
}

func missingCommand(name string) string {
	if _, err := exec.LookPath(name); err != nil {
		return "not installed"
	}
	return ""
}

func missingPackages(packages ...string) string {
	for _, name := range packages {
		script := fmt.Sprintf("quit(status = !requireNamespace(%q, quietly = TRUE))", name)
		if exec.Command("Rscript", "-e", script).Run() != nil {
			return "not installed"
		}
	}
	return ""
}

// A serving is one function of a peer while it is served.
type serving struct {
	*peer
	*runtime
	function string
}

// serve starts the peer with a function.
func (p *peer) serve(b *testing.B, function string) *serving {
	b.Helper()
	config := emulator.Config{Timeout: time.Minute}
	if p.file == "" {
		config.HTTP = front.FunctionURL
	}
	s := &serving{peer: p, function: function, runtime: &runtime{url: lambda.Serve(b, emulator.New(config))}}
	s.start(b)
	return s
}

// start starts the peer's program. Lambda, too, starts a runtime again that has exited.
func (s *serving) start(b *testing.B) {
	b.Helper()
	handler := s.file + "." + s.function
	if s.file == "" {
		handler = "plumber.R"
	}
	cmd := exec.Command(s.command[0], s.command[1:]...)
	cmd.Dir = filepath.Join("testdata", "peers")
	cmd.Env = append(os.Environ(), lambda.Env(s.url, handler)...)
	program, err := lambda.Start(cmd)
	if err != nil {
		b.Fatal(err)
	}
	s.Program = program
}

// call calls the function once and returns its result, and how long that took.
func (s *serving) call(b *testing.B, event string) (body string, took time.Duration) {
	b.Helper()
	begin := time.Now()
	body, err := s.answer(event)
	if err != nil {
		b.Fatalf("%s, %s: %v\n%s", s.name, s.function, err, s.Output.String())
	}
	return body, time.Since(begin)
}

// answer calls the function once. Errors of the function are errors, too.
func (s *serving) answer(event string) (string, error) {
	resp, err := s.request(event)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && (resp.StatusCode != http.StatusOK || resp.Header.Get("X-Amz-Function-Error") != "") {
		err = fmt.Errorf("%s: %.500s", resp.Status, body)
	}
	return string(body), err
}

// request sends an event, to a plumber API as the query or the body of an HTTP request.
func (s *serving) request(event string) (*http.Response, error) {
	switch {
	case s.file != "":
		return http.Post(s.url+lambda.InvokePath, "application/json", strings.NewReader(event))
	case s.function == "records":
		return http.Post(s.url+"/records", "application/json", strings.NewReader(event))
	}
	query := url.Values{}
	var arguments map[string]any
	if err := json.Unmarshal([]byte(event), &arguments); err != nil {
		return nil, err
	}
	for name, value := range arguments {
		query.Set(name, fmt.Sprint(value))
	}
	return http.Get(s.url + "/" + s.function + "?" + query.Encode())
}

// recover kills the process that runs the function and returns how long after that a caller has an
// answer. The first caller may get an error, because the process died under its invocation.
func (s *serving) recover(b *testing.B) time.Duration {
	b.Helper()
	body, _ := s.call(b, "{}")
	var answer struct{ PID int }
	if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.PID <= 1 {
		b.Fatalf("not a process id: %s, %v", body, err)
	}
	begin := time.Now()
	if err := syscall.Kill(answer.PID, syscall.SIGKILL); err != nil {
		b.Fatal(err)
	}
	if answer.PID == s.Cmd.Process.Pid {
		<-s.Ended
		s.start(b)
	}
	if _, err := s.answer("{}"); err != nil {
		s.call(b, "{}")
	}
	return time.Since(begin)
}

// end stops the program. One that ignores SIGTERM as process 1 would is not at fault here.
func (s *serving) end(b *testing.B) {
	b.Helper()
	if s.command[0] == "python3" || s.command[0] == "Rscript" {
		_ = s.Cmd.Process.Kill() // fails if it has ended
		<-s.Ended
		return
	}
	s.stop(b)
}

const (
	parityEvent = `{"number": 5}`
	rowsEvent   = `{"n": 100000}`
)

// recordsEvent returns an event of 20,000 records of seven columns, some 2 MB.
func recordsEvent() string {
	var text strings.Builder
	text.WriteString(`{"records":[`)
	for i := range 20_000 {
		if i > 0 {
			text.WriteByte(',')
		}
		fmt.Fprintf(&text, `{"id":%d,"name":"name %d","amount":%d,"price":%.2f,"active":%t,"day":"2026-11-%02d","note":null}`,
			i, i, i%100, float64(i)/7, i%2 == 0, i%30+1)
	}
	text.WriteString("]}")
	return text.String()
}

// BenchmarkPeers measures the peers alternately and prints one table. Each iteration is a warm
// invocation of each; one in fifty also measures what takes longer.
func BenchmarkPeers(b *testing.B) {
	const every = 50
	all := peers(b)
	rows := []string{"warm, p50", "warm, p99", "first answer", "20,000 records in", "10⁵ rows out", "after a kill"}
	times := map[*peer]map[string][]time.Duration{}
	servings := map[*peer]map[string]*serving{}
	for _, p := range all {
		times[p], servings[p] = map[string][]time.Duration{}, map[string]*serving{}
		if p.missing != "" {
			continue
		}
		for _, function := range []string{"parity", "records", "rows", "pid"} {
			s := p.serve(b, function)
			defer func() { s.end(b) }()
			servings[p][function] = s
		}
	}
	events := map[string]string{"parity": parityEvent, "records": recordsEvent(), "rows": rowsEvent}
	for p, s := range servings {
		if p.missing == "" {
			p.check(b, s, events)
		}
	}
	for i := 0; b.Loop(); i++ {
		for p, s := range servings {
			if p.missing != "" {
				continue
			}
			add := func(row string, took time.Duration) { times[p][row] = append(times[p][row], took) }
			_, took := s["parity"].call(b, parityEvent)
			add("warm", took)
			if i%every != 0 {
				continue
			}
			begin := time.Now()
			cold := p.serve(b, "parity")
			cold.call(b, parityEvent)
			add("first answer", time.Since(begin))
			cold.end(b)
			_, took = s["records"].call(b, events["records"])
			add("20,000 records in", took)
			_, took = s["rows"].call(b, rowsEvent)
			add("10⁵ rows out", took)
			add("after a kill", s["pid"].recover(b))
		}
	}
	b.ReportMetric(0, "ns/op") // the sum of all is meaningless
	printTable(all, rows, func(p *peer, row string) string {
		if p.missing != "" {
			return p.missing
		}
		name, q, _ := strings.Cut(row, ", p")
		if name != "warm" {
			return fmt.Sprintf("%.0f ms", quantile(times[p][row], 0.5))
		}
		return fmt.Sprintf("%.2f ms", quantile(times[p][name], map[string]float64{"50": 0.5, "99": 0.99}[q]))
	})
}

// check compares the results of a peer with what they must be, and warms it up.
func (p *peer) check(b *testing.B, s map[string]*serving, events map[string]string) {
	b.Helper()
	for range 20 {
		if body, _ := s["parity"].call(b, events["parity"]); body != `{"parity":"odd"}` {
			b.Fatalf("%s: got %s", p.name, body)
		}
	}
	if body, _ := s["records"].call(b, events["records"]); body != `{"n":20000,"total":990000}` {
		b.Fatalf("%s: got %s", p.name, body)
	}
	var result []struct {
		ID   int
		Half float64
		Name string
	}
	body, _ := s["rows"].call(b, events["rows"])
	if err := json.Unmarshal([]byte(body), &result); err != nil || len(result) != 100_000 || result[99_999].Half != 50_000 {
		b.Fatalf("%s: got %.100s, %v", p.name, body, err)
	}
	s["pid"].recover(b)
}

// printTable prints a table in Markdown.
func printTable(all []*peer, rows []string, cell func(p *peer, row string) string) {
	fmt.Print("\n| |")
	for _, p := range all {
		fmt.Printf(" %s |", p.name)
	}
	fmt.Println("\n|---|" + strings.Repeat("---|", len(all)))
	for _, row := range rows {
		fmt.Printf("| %s |", row)
		for _, p := range all {
			fmt.Printf(" %s |", cell(p, row))
		}
		fmt.Println()
	}
}
