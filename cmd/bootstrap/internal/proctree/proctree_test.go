//go:build linux

package proctree

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// guard is how long a test waits before it fails.
const guard = 30 * time.Second

// roleVariable makes the test binary a process of a tree, which ends with its standard input. Its
// roles are:
//
//	connect ADDR   connects, prints its pid, and prints "cut" when the connection ends
//	child ROLE     starts a child with a role
//	within ADDR    connects to ADDR, and accepts a connection of its child
//	orphan ROLE    starts a child with a role, and ends
const roleVariable = "PROCTREE_TEST_ROLE"

func TestMain(m *testing.M) {
	role, argument, _ := strings.Cut(os.Getenv(roleVariable), " ")
	switch role {
	case "":
		os.Exit(m.Run())
	case "connect":
		conn, err := net.Dial("tcp", argument)
		check(err)
		fmt.Println(os.Getpid())
		go func() { // ends with the process
			_, _ = io.Copy(io.Discard, conn) // any end counts
			fmt.Println("cut")
		}()
	case "child":
		startChild(argument)
	case "orphan":
		startChild(argument)
		return
	case "within":
		l, err := net.Listen("tcp", "127.0.0.1:0")
		check(err)
		_, err = net.Dial("tcp", argument)
		check(err)
		startChild("connect " + l.Addr().String())
		_, err = l.Accept()
		check(err)
		fmt.Println("accepted")
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	check(err)
}

func startChild(role string) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	check(cmd.Start())
	if strings.HasPrefix(role, "orphan ") {
		check(cmd.Wait())
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// markOf returns the beginning of an environment entry that all processes of a tree have.
func markOf(role string) string { return "PROCTREE_TEST_MARK=" + role + "/" }

// A tree is a process in a role. It ends with the test.
type tree struct {
	cmd *exec.Cmd
	out *bufio.Reader
}

func start(t *testing.T, role string) *tree {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role, markOf(role)+"inherited by all")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	return &tree{cmd, bufio.NewReader(out)}
}

func (p *tree) line(t *testing.T) string {
	t.Helper()
	line, err := p.out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// listen returns a listener and a function that accepts a connection.
func listen(t *testing.T) (addr string, accept func() net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String(), func() net.Conn {
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if err := conn.SetDeadline(time.Now().Add(guard)); err != nil {
			t.Fatal(err)
		}
		return conn
	}
}

func TestTree(t *testing.T) {
	addr, accept := listen(t)
	p := start(t, "child connect "+addr)
	accept()
	child, err := strconv.Atoi(p.line(t))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := Of(p.cmd.Process.Pid), []int{p.cmd.Process.Pid, child}; !slices.Equal(got, want) {
		t.Errorf("the tree is %v, want %v", got, want)
	}
	if got := Of(os.Getpid()); !slices.Contains(got, child) {
		t.Errorf("the tree of the test is %v, without %d", got, child)
	}
	if got := Of(-1); got != nil {
		t.Errorf("a process that does not exist has the tree %v", got)
	}
	both, one := PeakMemory(p.cmd.Process.Pid), PeakMemory(child)
	if one < 1<<20 || both <= one {
		t.Errorf("the tree used %d bytes, and the child %d", both, one)
	}
	if got := PeakMemory(-1); got != 0 {
		t.Errorf("a process that does not exist used %d bytes", got)
	}
}

func TestHasConnection(t *testing.T) {
	addr, accept := listen(t)
	p := start(t, "child connect "+addr)
	conn := accept()
	p.line(t)
	client := conn.RemoteAddr().String()
	if !HasConnection(p.cmd.Process.Pid, client, addr) {
		t.Error("the tree does not have its connection")
	}
	if HasConnection(p.cmd.Process.Pid, addr, client) {
		t.Error("the tree has the other end")
	}
}

// The connections of descendants are cut, those of the root are not.
func TestCutConnections(t *testing.T) {
	addr, accept := listen(t)
	root := start(t, "connect "+addr)
	rootConn := accept()
	family := start(t, "child connect "+addr)
	accept()
	root.line(t)
	family.line(t)
	if peers, err := CutConnections(root.cmd.Process.Pid, noMark); len(peers) != 0 || err != nil {
		t.Errorf("cut %v of the root, %v", peers, err)
	}
	if peers, err := CutConnections(family.cmd.Process.Pid, noMark); !slices.Equal(peers, []string{addr}) || err != nil {
		t.Errorf("cut %v, %v, want %s", peers, err, addr)
	}
	if got := family.line(t); got != "cut" {
		t.Errorf("the child printed %q", got)
	}
	rootConn.Close()
	if got := root.line(t); got != "cut" {
		t.Errorf("the root printed %q", got)
	}
}

// noMark is a mark that no process has.
const noMark = "PROCTREE_TEST_NO_MARK="

// A connection between two processes of the tree survives, as in the snapshot of both. One of them
// may have lost its parent.
func TestConnectionsWithinTheTree(t *testing.T) {
	for _, role := range []string{"child within ", "child orphan within "} {
		addr, accept := listen(t)
		p := start(t, role+addr)
		accept()
		p.line(t) // the child has connected,
		p.line(t) // and its parent has accepted that
		if peers, err := CutConnections(p.cmd.Process.Pid, markOf(role+addr)); !slices.Equal(peers, []string{addr}) || err != nil {
			t.Errorf("%s: cut %v, %v, want %s", role, peers, err, addr)
		}
	}
}
