//go:build criu

package checkpoint

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"testing"
	"time"

	"lambda-r-runtime/test/kit/board"
	"lambda-r-runtime/worker/process"
)

// patience guards against a hang. It is never a pause.
const patience = 30 * time.Second

// childVariable makes the test binary one of the programs in children.
const childVariable = "CHECKPOINT_TEST_CHILD"

var children = map[string]func() error{
	"echo": echo, "listen": listenThenEcho, "dial": dialThenEcho, "open": openThenEcho, "parent": parent,
}

func TestMain(m *testing.M) {
	if child, ok := children[os.Getenv(childVariable)]; ok {
		if err := child(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// in is the pipe in TMPDIR from which echo reads.
func in(dir string) string { return filepath.Join(dir, "in") }

// echo prints its pid, and then each line that is written to its pipe, with the number of the line.
func echo() error {
	if err := syscall.Mkfifo(in(os.Getenv("TMPDIR")), 0o600); err != nil {
		return err
	}
	pipe, err := os.OpenFile(in(os.Getenv("TMPDIR")), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	fmt.Println("ready", os.Getpid())
	for lines, n := bufio.NewScanner(pipe), 1; lines.Scan(); n++ {
		fmt.Println("read", lines.Text(), n, os.Getpid())
	}
	return nil
}

func listenThenEcho() error {
	var tcp net.ListenConfig
	tcp.SetMultipathTCP(false) // CRIU cannot dump it; R does not use it
	l, err := tcp.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	fmt.Println("address", l.Addr())
	return echo()
}

// dialThenEcho connects to the server at ADDRESS of NETWORK. When the connection ends, it prints so.
func dialThenEcho() error {
	c, err := net.Dial(os.Getenv("NETWORK"), os.Getenv("ADDRESS"))
	if err != nil {
		return err
	}
	go func() { // ends with the program
		_, err := c.Read(make([]byte, 1))
		fmt.Println("connection ended:", err)
	}()
	return echo()
}

// openThenEcho keeps the file FILE open for writing.
func openThenEcho() error {
	f, err := os.OpenFile(os.Getenv("FILE"), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	return echo()
}

// parent starts echo, restores it and prints the pid of the copy. Then it waits.
func parent() error {
	ctx := context.Background()
	tool, err := Find(ctx, os.Getenv)
	if err != nil {
		return err
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), childVariable+"=echo")
	p, err := tool.Start(cmd, process.Options{})
	if err != nil {
		return err
	}
	i, err := tool.Dump(ctx, p, os.Getenv("TMPDIR"), os.Getenv("IMAGE"))
	if err != nil {
		return err
	}
	c, err := i.Restore(ctx, process.Options{})
	if err != nil {
		return err
	}
	fmt.Println("copy", c.RootPID())
	c.Wait()
	return nil
}

// A running is a program that Start has started.
type running struct {
	*process.Process
	tool   *Tool
	dir    string // for the image
	temp   string // its TMPDIR
	output *board.Text
}

func findTool(t *testing.T) *Tool {
	t.Helper()
	tool, err := Find(t.Context(), os.Getenv)
	if err != nil {
		t.Fatalf("%v; make test-snapstart gets one", err)
	}
	return tool
}

func start(t *testing.T, child string, env ...string) *running {
	t.Helper()
	r := &running{tool: findTool(t), dir: filepath.Join(t.TempDir(), "image"), temp: t.TempDir(), output: &board.Text{}}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), slices.Concat(env, []string{childVariable + "=" + child, "TMPDIR=" + r.temp})...)
	p, err := r.tool.Start(cmd, to(r.output))
	if err != nil {
		t.Fatal(err)
	}
	r.Process = p
	t.Cleanup(func() {
		p.Kill("the test is over")
		p.Wait()
	})
	await(t, r.output, "ready [0-9]+")
	return r
}

// to are options that append the output to text.
func to(text *board.Text) process.Options {
	line := func(line string) { fmt.Fprintln(text, line) }
	return process.Options{Stdout: line, Stderr: line}
}

func await(t *testing.T, output *board.Text, pattern string) {
	t.Helper()
	if output.WaitFor(patience, regexp.MustCompile(pattern)) == nil {
		t.Fatalf("it did not print %q, but:\n%s", pattern, output)
	}
}

func (r *running) dump(t *testing.T) *Image {
	t.Helper()
	i, err := r.tool.Dump(t.Context(), r.Process, r.temp, r.dir)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func restore(t *testing.T, i *Image) (*Copy, *board.Text) {
	t.Helper()
	output := &board.Text{}
	c, err := i.Restore(t.Context(), to(output))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Kill("the test is over")
		c.Wait()
	})
	return c, output
}

func write(t *testing.T, c *Copy, line string) {
	t.Helper()
	pipe, err := os.OpenFile(in(c.TempDir), os.O_WRONLY, 0)
	if err == nil {
		_, err = pipe.WriteString(line + "\n")
		err = errors.Join(err, pipe.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
