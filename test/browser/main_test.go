//go:build browser

package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"lambda-r-runtime/test/kit/lambda"
)

// patience guards against a hang. It is never a pause.
const patience = 60 * time.Second

// shots is the folder for screenshots.
const shots = "../../bin/browser"

var (
	bootstrap string          // the program under test
	chromium  context.Context // the browser of all tests
)

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "browser-")
	if err == nil {
		defer os.RemoveAll(dir)
		os.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache")) // not the user's own
		bootstrap, err = lambda.Build(dir, "cmd/bootstrap", lambda.RaceFlags...)
	}
	if err == nil {
		err = os.MkdirAll(shots, 0o755)
	}
	path, missing := exec.LookPath("chromium")
	if err == nil && missing != nil {
		err = fmt.Errorf("%w: run make test-browser, which installs it", missing)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(filepath.Join(dir, "profile")), chromedp.Flag("force-color-profile", "srgb"))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium's own sandbox needs another user
	}
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	defer end()
	var endBrowser context.CancelFunc
	chromium, endBrowser = chromedp.NewContext(allocator)
	defer endBrowser()
	if err := chromedp.Do(chromium); err != nil {
		fmt.Fprintln(os.Stderr, "start chromium:", err)
		return 1
	}
	return m.Run()
}

// A server is bootstrap local, running.
type server struct {
	*lambda.Program
	t   *testing.T
	url string // without a path
}

// serve starts bootstrap local with the functions of testdata, and waits until it serves.
func serve(t *testing.T, handler string, flags ...string) *server {
	t.Helper()
	return serveIn(t, "testdata", handler, flags...)
}

func serveIn(t *testing.T, dir, handler string, flags ...string) *server {
	t.Helper()
	s := begin(t, dir, handler, flags...)
	s.url = s.waitFor(`is served on (http://127\.0\.0\.1:\d+)`)
	return s
}

// begin starts bootstrap local and does not wait.
func begin(t *testing.T, dir, handler string, flags ...string) *server {
	t.Helper()
	cmd := exec.Command(bootstrap, append([]string{"local", "--addr", "127.0.0.1:0", handler}, flags...)...)
	cmd.Dir = dir
	program, err := lambda.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := program.Stop(syscall.SIGINT, patience); err != nil {
			t.Error(err)
		}
	})
	return &server{Program: program, t: t}
}

// waitFor waits until bootstrap has printed what matches pattern, and returns its first group.
func (s *server) waitFor(pattern string) string {
	s.t.Helper()
	match := s.Output.WaitFor(patience, regexp.MustCompile(pattern))
	if match == nil {
		s.t.Fatalf("bootstrap did not print %q, but:\n%s", pattern, s.Output.String())
	}
	return match[len(match)-1]
}

// invoke invokes the function as curl does, and returns its answer.
func (s *server) invoke(event string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	a, err := lambda.Request(ctx, "POST", s.url+lambda.InvokePath, event)
	if err != nil {
		s.t.Fatal(err)
	}
	return a.Body
}
