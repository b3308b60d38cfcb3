package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A terminal is a pseudo-terminal with bootstrap, or what it becomes, in it.
type terminal struct {
	t      *testing.T
	master *os.File

	mu      sync.Mutex
	printed strings.Builder
	read    int           // up to here printed has been expected
	more    chan struct{} // gets a value after each read
	ended   chan struct{} // closed at the end of the session
}

// startTerminal starts bootstrap in a terminal of its own. The test's end kills it and what it has
// started, if they are still there.
func startTerminal(t *testing.T, dir string, env []string, args ...string) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: 200}); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bootstrap, args...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "TERM=dumb", "XDG_CACHE_HOME="+t.TempDir()), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	term := &terminal{t: t, master: master, more: make(chan struct{}, 1), ended: make(chan struct{})}
	reading := make(chan struct{})
	go func() { // ends with the last process in the terminal; waited for below
		defer close(reading)
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			term.mu.Lock()
			term.printed.Write(buf[:n])
			term.mu.Unlock()
			select {
			case term.more <- struct{}{}:
			default:
			}
			if err != nil {
				return
			}
		}
	}()
	go func() { // ends with bootstrap; waited for below
		_ = cmd.Wait() // the tests look at what it printed
		close(term.ended)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it may have ended
		<-term.ended
		_ = master.Close() // it ends the reading
		<-reading
	})
	return term
}

// expect waits until the terminal shows what matches a pattern, after what was expected before.
func (term *terminal) expect(pattern string) []string {
	term.t.Helper()
	re := regexp.MustCompile(pattern)
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		term.mu.Lock()
		text := term.printed.String()
		term.mu.Unlock()
		if at := re.FindStringSubmatchIndex(text[term.read:]); at != nil {
			match := re.FindStringSubmatch(text[term.read:])
			term.read += at[1]
			return match
		}
		select {
		case <-term.more:
		case <-limit.C:
			term.t.Fatalf("the terminal does not show %q, but:\n%s\nafter:\n%s", pattern, text[term.read:], text[:term.read])
		}
	}
}

// typed types a line, after R's prompt.
func (term *terminal) typed(prompt, line string) {
	term.t.Helper()
	term.answers(regexp.QuoteMeta(prompt), line)
}

// browses types a line, after the prompt of R's browser. Its number depends on the version of R.
func (term *terminal) browses(line string) {
	term.t.Helper()
	term.answers(`Browse\[\d\]> `, line)
}

func (term *terminal) answers(prompt, line string) {
	term.t.Helper()
	term.expect(prompt + "$")
	term.send(line + "\n")
	term.expect(regexp.QuoteMeta(line))
}

// send types keys.
func (term *terminal) send(keys string) {
	term.t.Helper()
	if _, err := term.master.WriteString(keys); err != nil {
		term.t.Fatal(err)
	}
}

// end waits for the end of the session.
func (term *terminal) end() {
	term.t.Helper()
	select {
	case <-term.ended:
	case <-time.After(patience):
		term.t.Fatalf("the session does not end; it shows:\n%s", term.printed.String())
	}
}

// writeFunction writes functions.R in a new folder and returns the folder.
func writeFunction(t *testing.T, lines ...string) string {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "functions.R"), strings.Join(lines, "\n")+"\n")
	return dir
}
