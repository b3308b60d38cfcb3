package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"lambda-r-runtime/test/kit/lambda"
)

func exampleReport(t *testing.T, dir string) {
	p, f := startLocal(t, "functions.report", []string{"LAMBDA_TASK_ROOT=" + dir}, "--http")
	got := f.http("GET", "/?cylinders=6", "")
	if got.Status != 200 || !strings.Contains(got.Body, "7 cars have 6 cylinders") || !strings.Contains(got.Body, "data:image/png;base64,") {
		t.Errorf("got %d %.300s", got.Status, got.Body)
	}
	if got := f.http("GET", "/?cylinders=5", ""); got.Status != 400 {
		t.Errorf("got %d %s", got.Status, got.Body)
	}
	if strings.Contains(p.output(), "WRN") { // it would have written in the task folder
		t.Errorf("it warns:\n%s", p.output())
	}
}

func exampleSchedule(t *testing.T, dir string) {
	p, f := startLocal(t, "functions.nightly", []string{"LAMBDA_TASK_ROOT=" + dir})
	const event = `{"source": "aws.events", "detail-type": "Scheduled Event", "time": "2026-11-26T03:00:00Z", "detail": {}}`
	for range 2 { // a schedule may run a job twice
		if got := f.result(event); got != `{"day":"2026-11-26","shops":2,"sold":74}` {
			t.Errorf("got %s", got)
		}
	}
	p.waitFor(`"Sales":74`)
}

// The example serves several invocations at once, each in an R with random numbers of its own.
func exampleService(t *testing.T, dir string) {
	_, f := startLocal(t, "functions.price", []string{"LAMBDA_TASK_ROOT=" + dir}, "--http", "--concurrency", "3")
	bodies := make(chan string, 6)
	for range cap(bodies) {
		go func() { // ends with its answer, which is awaited below
			a, err := lambda.Request(t.Context(), "GET", f.url+"/?spot=100&strike=105&draws=200000", "")
			bodies <- fmt.Sprint(a.Body, err)
		}()
	}
	workers, prices := map[string]bool{}, map[string]bool{}
	shape := regexp.MustCompile(`^\{"price":(6\.[5-9]\d*|7\.\d+),"error":0\.0\d+,"worker":(\d+)\}<nil>$`)
	for range cap(bodies) {
		body := <-bodies
		m := shape.FindStringSubmatch(body)
		if m == nil {
			t.Fatalf("got %s", body)
		}
		prices[m[1]], workers[m[2]] = true, true
	}
	if len(prices) != cap(bodies) || len(workers) < 2 {
		t.Errorf("%d prices of %d workers", len(prices), len(workers))
	}
	if got := f.http("GET", "/?spot=x&strike=105", ""); got.Status != 400 {
		t.Errorf("got %d %s", got.Status, got.Body)
	}
}

// A standInS3 keeps objects by their paths, and refuses requests that are not signed as AWS wants it.
type standInS3 struct {
	credentials aws.Credentials

	mu      sync.Mutex
	objects map[string][]byte
}

func (s *standInS3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = s.checkSignature(r, body)
	}
	if err != nil {
		http.Error(w, "<Code>SignatureDoesNotMatch</Code>"+err.Error(), http.StatusForbidden)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	object, ok := s.objects[r.URL.Path]
	switch {
	case r.Method == http.MethodPut:
		s.objects[r.URL.Path] = body
	case !ok:
		http.Error(w, "<Code>NoSuchKey</Code>", http.StatusNotFound)
	default:
		_, _ = w.Write(object) // a caller that has left needs no answer
	}
}

// checkSignature signs the request again, with AWS's own package, and compares.
func (s *standInS3) checkSignature(r *http.Request, body []byte) error {
	got := r.Header.Get("Authorization")
	signed := regexp.MustCompile(`SignedHeaders=([^,]+)`).FindStringSubmatch(got)
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil || signed == nil {
		return fmt.Errorf("not signed: %q, %v", got, err)
	}
	again, err := http.NewRequest(r.Method, "http://"+r.Host+r.URL.EscapedPath(), nil)
	if err != nil {
		return err
	}
	for _, name := range strings.Split(signed[1], ";") {
		if name != "host" {
			again.Header.Set(name, r.Header.Get(name))
		}
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	err = v4.NewSigner().SignHTTP(context.Background(), s.credentials, again, hash, "s3", "eu-central-1", at, func(o *v4.SignerOptions) {
		o.DisableURIPathEscaping = true
	})
	normal := func(text string) string { return strings.ReplaceAll(text, ", ", ",") }
	if want := again.Header.Get("Authorization"); err != nil || normal(got) != normal(want) {
		return fmt.Errorf("got %s, want %s, %v", got, want, err)
	}
	return nil
}

func exampleS3(t *testing.T, dir string) {
	s := &standInS3{
		credentials: aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret", SessionToken: "token"},
		objects:     map[string][]byte{"/sales/2026/north & south.csv": []byte("shop,sold\na,10\nb,12\n"), "/sales/2026/north & south.json": nil},
	}
	env := []string{
		"LAMBDA_TASK_ROOT=" + dir, "AWS_ENDPOINT_URL_S3=" + lambda.Serve(t, s), "AWS_REGION=eu-central-1",
		"AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret", "AWS_SESSION_TOKEN=token",
	}
	p, f := startLocal(t, "functions.summarise", env)
	upload := func(key string) string {
		return fmt.Sprintf(`{"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {"name": "sales"}, "object": {"key": %q}}}]}`, key)
	}
	f.result(upload("2026/north+%26+south.csv"))
	s.mu.Lock()
	got := s.objects["/sales/2026/north & south.json"]
	s.mu.Unlock()
	if !bytes.Equal(got, []byte(`{"sold":11}`)) {
		t.Errorf("it wrote %q; bootstrap printed:\n%s", got, p.output())
	}
	f.result(upload("2026/north+%26+south.json")) // its own, which it leaves alone
	if e := f.failure(upload("missing.csv")); !strings.Contains(e.Message, "GET s3://sales/missing.csv was answered with 404") {
		t.Errorf("got %+v", e)
	}
}

// Each example has a Dockerfile that copies files which exist and serves one of them, and the page on
// frameworks says how to build it.
func TestDockerfilesOfExamples(t *testing.T) {
	page, err := os.ReadFile("../../docs/frameworks.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"model", "report", "plumber", "s3", "schedule", "sqs-batch", "service", "http-api", "webserver"} {
		dir := filepath.Join("../../examples", name)
		text, err := os.ReadFile(filepath.Join(dir, "Dockerfile"))
		if err != nil {
			t.Error(err)
			continue
		}
		copied := regexp.MustCompile(`(?m)^COPY (.*) \./$`).FindSubmatch(text)
		command := regexp.MustCompile(`(?m)^CMD \[(.*)\]$`).FindSubmatch(text)
		if copied == nil || command == nil {
			t.Errorf("%s: no COPY or no CMD", name)
			continue
		}
		served := false
		for file := range strings.FieldsSeq(string(copied[1])) {
			if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
				t.Error(err)
			}
			served = served || strings.Contains(string(command[1]), strings.TrimSuffix(file, ".R"))
		}
		if !served {
			t.Errorf("%s: CMD [%s] names none of %s", name, command[1], copied[1])
		}
		if name != "http-api" && name != "webserver" && !strings.Contains(string(page), "make example-"+name) {
			t.Errorf("docs/frameworks.md does not have make example-%s", name)
		}
	}
}
