package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"lambda-r-runtime/emulator/faulty"
)

// A gathering is a number of invocations of together.waits that run at the same time.
type gathering struct {
	f       function
	dir     string // where each leaves a file named after its pid
	answers chan answer
}

func newGathering(f function) *gathering {
	return &gathering{f, f.t.TempDir(), make(chan answer, 100)}
}

// invite begins n invocations. They wait until n are running or, if open, until release is called.
func (g *gathering) invite(n int, open bool) {
	event := fmt.Sprintf(`{"dir": %q, "n": %d}`, g.dir, n)
	if open {
		event = fmt.Sprintf(`{"dir": %q}`, g.dir)
	}
	for range n {
		go func() { // ends when it is answered
			a, err := g.f.request(event)
			if err != nil {
				a.Body = err.Error()
			}
			g.answers <- a
		}()
	}
}

// present waits until n invocations run and returns the pids of their workers.
func (g *gathering) present(n int) (pids []string) {
	g.f.t.Helper()
	waitUntil(g.f.t, func() bool {
		files, err := os.ReadDir(g.dir)
		if err != nil {
			g.f.t.Fatal(err)
		}
		pids = pids[:0]
		for _, file := range files {
			pids = append(pids, file.Name())
		}
		return len(pids) >= n
	}, fmt.Sprintf("%d invocations run at once", n))
	return pids
}

// release lets open invocations end.
func (g *gathering) release() { writeFile(g.f.t, filepath.Join(g.dir, "go"), "") }

// A place is where an invocation ran.
type place struct {
	PID       int
	Temp, Own string // R's tempdir(), and TMPDIR
}

// leave waits for n answers. It returns where the successful ones ran, by pid, and the other
// answers.
func (g *gathering) leave(n int) (places map[int]place, others []answer) {
	g.f.t.Helper()
	places = map[int]place{}
	for range n {
		a := <-g.answers
		var p place
		if err := json.Unmarshal([]byte(a.Body), &p); err != nil || p.PID == 0 {
			others = append(others, a)
			continue
		}
		places[p.PID] = p
	}
	return places, others
}

// meet runs n invocations that wait for each other, which proves that they run at the same time,
// and returns where they ran.
func meet(f function, n int) map[int]place {
	f.t.Helper()
	g := newGathering(f)
	g.invite(n, false)
	places, others := g.leave(n)
	if len(places) != n {
		f.t.Fatalf("%d workers ran %d invocations at once; other answers: %+v", len(places), n, others)
	}
	return places
}

// startManaged starts bootstrap with 4 workers as Managed Instances do, with the handler as an
// argument.
func startManaged(t *testing.T, rec *recorder, handler string, env ...string) (*program, function) {
	t.Helper()
	env = append(env, "AWS_LAMBDA_INITIALIZATION_TYPE=lambda-managed-instances", "AWS_LAMBDA_MAX_CONCURRENCY=4")
	return start(t, "", rec.Env("", env...), handler), function{t, rec.URL}
}

// Each slot has its own poll, worker and TMPDIR. The TMPDIR is removed with the worker.
func TestManagedInstances(t *testing.T) {
	rec := newRecorder(t, 20*time.Second, nil)
	p, f := startManaged(t, rec, "together.waits")
	rec.waitForPolls(t, 4)
	dirs := map[string]bool{}
	for _, place := range meet(f, 4) {
		dirs[place.Own] = true
		if !strings.HasPrefix(place.Temp, place.Own+"/") {
			t.Errorf("R's tempdir() is %s, want it in %s", place.Temp, place.Own)
		}
		if _, err := os.Stat(place.Own); err != nil {
			t.Error(err)
		}
	}
	if len(dirs) != 4 {
		t.Errorf("4 workers have the TMPDIRs %v", dirs)
	}
	p.Signal(syscall.SIGTERM)
	if code := p.exitCode(); code != 0 {
		t.Errorf("exit status %d, want 0", code)
	}
	for dir := range dirs {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("TMPDIR %s is left: %v", dir, err)
		}
	}
}

// The first worker serves while the others, which are not forked, are still loading the function.
func TestFirstWorkerDoesNotWait(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir+"/slow.R", `
if (file.exists("first")) while (!file.exists("go")) Sys.sleep(0.01)
file.create("first")
pid <- function() Sys.getpid()
`)
	rec := newRecorder(t, 20*time.Second, nil)
	_, f := startManaged(t, rec, "slow.pid", "LAMBDA_TASK_ROOT="+dir, "LAMBDA_R_FORK=never")
	first := f.result(`{}`)
	if again := f.result(`{}`); again != first {
		t.Errorf("worker %s answered, and then %s, which was not to be ready", first, again)
	}
	rec.waitForPolls(t, 3)
	if n := rec.count("next"); n != 3 {
		t.Errorf("%d polls after two events, want 3, all of the first worker", n)
	}
	writeFile(t, dir+"/go", "")
	rec.waitForPolls(t, 6)
}

// A worker that dies costs its own invocation and no other.
func TestDeathBesideOthers(t *testing.T) {
	rec := newRecorder(t, 20*time.Second, nil)
	_, f := startManaged(t, rec, "together.waits")
	g := newGathering(f)
	g.invite(4, true)
	victim := g.present(4)[0]
	kill(t, victim)
	if _, others := g.leave(1); len(others) != 1 || !strings.Contains(others[0].Body, "Runtime.WorkerCrashed") {
		t.Fatalf("the first to answer is not the one that died: %+v", others)
	}
	g.release()
	places, others := g.leave(3)
	if len(places) != 3 || len(others) != 0 {
		t.Errorf("beside the one that died answered %v, and others: %+v", places, others)
	}
	if n := rec.count("response"); n != 3 {
		t.Errorf("%d responses, want 3", n)
	}
	pid, _ := strconv.Atoi(victim) // the name of R's file
	if _, ok := meet(f, 4)[pid]; ok {
		t.Errorf("the dead worker %d answered", pid)
	}
}

// The deadline of one invocation does not affect the others.
func TestDeadlineBesideOthers(t *testing.T) {
	rec := newRecorder(t, 4*time.Second, nil)
	_, f := startManaged(t, rec, "faults.run", "LAMBDA_R_DEADLINE_MARGIN=1s")
	late := make(chan answer, 1)
	go func() { // ends when it is answered
		a, _ := f.request(call("spin_in_c", `{}`))
		late <- a
	}()
	beside := 0
	for done := false; !done; beside++ {
		if got := f.result(call("echo", fmt.Sprintf(`{"event": %d}`, beside))); got != strconv.Itoa(beside) {
			t.Errorf("beside it %d got the answer %s", beside, got)
		}
		select {
		case a := <-late:
			done = true
			if !strings.Contains(a.Body, "Runtime.InvocationTimeout") {
				t.Errorf("it got %s", a.Body)
			}
		default:
		}
	}
	if n := rec.count("error"); n != 1 || beside < 10 {
		t.Errorf("%d errors, and %d invocations beside it; want one error, and many", n, beside)
	}
}

// Status 500 to one report ends bootstrap, but first the other running invocations are answered.
func TestFatalStatusBesideOthers(t *testing.T) {
	var spoiled atomic.Bool
	rec := newRecorder(t, 20*time.Second, func(c faulty.Call) (fault faulty.Fault) {
		if c.Op == faulty.OpResponse && !spoiled.Swap(true) {
			fault.Status = http.StatusInternalServerError
		}
		return fault
	})
	p, f := startManaged(t, rec, "together.waits", "LOG_LEVEL=debug")
	rec.waitForPolls(t, 4)
	others := newGathering(f)
	others.invite(3, true)
	others.present(3)
	fatal := newGathering(f)
	fatal.invite(1, false)
	p.waitFor(`report failed, giving up`)
	others.release()
	places, failed := others.leave(3)
	if len(places) != 3 {
		t.Errorf("%d of 3 others were answered; the rest got %+v", len(places), failed)
	}
	if code := p.exitCode(); code != 1 {
		t.Errorf("exit status %d, want 1", code)
	}
}

// A late report is refused with status 410, and affects no other invocation.
func TestLateReport(t *testing.T) {
	rec := newRecorder(t, 4*time.Second, nil)
	p, f := startManaged(t, rec, "together.waits")
	meet(f, 4)
	rec.Forget()
	g := newGathering(f)
	g.invite(1, true)
	g.present(1)
	p.Signal(syscall.SIGSTOP) // stops only bootstrap: R answers, and the answer is not read
	g.release()
	_, others := g.leave(1)
	p.Signal(syscall.SIGCONT)
	if len(others) != 1 || !strings.Contains(others[0].Body, "Task timed out") {
		t.Fatalf("the caller got %+v", others)
	}
	p.waitFor(`report not accepted.*requestId":"` + others[0].Header.Get("X-Amzn-Requestid") + `.*status 410`)
	meet(f, 4)
	if n := len(rec.reports()); n != 1+4 {
		t.Errorf("reported %q, want one late report and four", rec.reports())
	}
}

// --concurrency invocations of bootstrap local run at once, --queue more may wait, and the rest
// get an error that AWS's SDK understands.
func TestQueue(t *testing.T) {
	for _, queue := range []int{0, 2} {
		t.Run(strconv.Itoa(queue), func(t *testing.T) {
			_, f := startLocal(t, "together.waits", nil, "--concurrency", "2", "--queue", strconv.Itoa(queue))
			g := newGathering(f)
			g.invite(2, true)
			g.present(2)
			g.invite(queue+1, true) // one too many, whichever it is
			places, others := g.leave(1)
			if len(places) != 0 || others[0].Status != http.StatusTooManyRequests || others[0].Header.Get("X-Amzn-Errortype") != "TooManyRequestsException" {
				t.Errorf("got %v, %+v; want one that is refused with 429", places, others)
			}
			client := lambda.New(lambda.Options{
				Region:           "us-east-1",
				Credentials:      credentials.NewStaticCredentialsProvider("id", "secret", ""),
				BaseEndpoint:     aws.String(f.url),
				RetryMaxAttempts: 1,
			})
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			_, err := client.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String("function"), Payload: []byte(`{}`)})
			if _, ok := errors.AsType[*types.TooManyRequestsException](err); !ok {
				t.Errorf("the SDK got %v, want a TooManyRequestsException", err)
			}
			g.release()
			if _, others := g.leave(2 + queue); len(others) != 0 {
				t.Errorf("those who had room got %+v", others)
			}
		})
	}
}
