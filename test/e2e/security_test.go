package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// Nothing in an event is evaluated, opened or fetched: it reaches the function as it is, or is
// refused. R's functions for JSON, for example, fetch a text that looks like a URL.
func TestEventIsOnlyData(t *testing.T) {
	dir := t.TempDir()
	web, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fetched := make(chan struct{})
	go func() { // ends when web is closed
		defer close(fetched)
		if c, err := web.Accept(); err == nil {
			_ = c.Close() // the connection alone is an error
			t.Error("the runtime fetched a URL")
		}
	}()
	t.Cleanup(func() {
		_ = web.Close() // it may be closed already
		<-fetched
	})
	writeFile(t, dir+"/secret.json", `{"secret": true}`)
	touch := fmt.Sprintf("system('touch %s/evaluated')", dir)

	rec := newRecorder(t, 10*time.Second, nil)
	p, f := startLambda(t, rec, "", "faults.run")
	for _, text := range []string{
		"http://" + web.Addr().String() + "/x.json", "ftp://" + web.Addr().String() + "/", "file://" + dir + "/secret.json",
		dir + "/secret.json", "functions.R", "/dev/stdin", "clipboard", "|touch " + dir + "/evaluated", "$(touch " + dir + "/evaluated)",
		"`touch " + dir + "/evaluated`", touch, "!expr " + touch, "{{" + touch + "}}", "%s%s%n%d", "\\x1b]0;title\\x07", "../../../../etc/passwd",
	} {
		if e := f.failure(text); e.Type != "Runtime.UnmarshalError" { // alone, it is not JSON
			t.Errorf("the event %s: %+v", text, e)
		}
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.result(call("echo", fmt.Sprintf(`{"event": {"x": %s, "y": [%[1]s]}}`, quoted))); got != fmt.Sprintf(`{"x":%s,"y":[%[1]s]}`, quoted) &&
			got != fmt.Sprintf(`{"x":%s,"y":%[1]s}`, quoted) {
			t.Errorf("the function got %s of %s", got, quoted)
		}
		f.failure(fmt.Sprintf(`{"what": %s, "with": {}}`, quoted)) // no function has such a name
	}
	if files, _ := filepath.Glob(dir + "/*"); !slices.Equal(files, []string{dir + "/secret.json"}) {
		t.Errorf("the events made the files %v", files)
	}
	if strings.Contains(p.output(), `"secret": true`) {
		t.Error("an event opened a file")
	}
}

// Credentials never reach the log, at any level and however R ends.
func TestCredentialsAreNotLogged(t *testing.T) {
	const secret = "do-not-log-this"
	rec := newRecorder(t, 10*time.Second, nil)
	p, f := startLambda(t, rec, "", "faults.run", "LOG_LEVEL=trace", "AWS_ACCESS_KEY_ID="+secret, "AWS_SECRET_ACCESS_KEY="+secret, "AWS_SESSION_TOKEN="+secret)
	if got := f.result(call("environment_of", `{"names": "AWS_SECRET_ACCESS_KEY"}`)); !strings.Contains(got, secret) {
		t.Fatalf("R has the key %s", got)
	}
	f.result(call("noisy", `{}`))
	for _, what := range []string{"boom", "wrapped", "unencodable", "writes_garbage", "killed", "quits"} {
		f.failure(call(what, `{}`))
	}
	f.result(call("echo", `{"event": 1}`))
	if strings.Contains(p.output(), secret) {
		t.Errorf("the log has a credential:\n%s", p.output())
	}
}

// bootstrap local listens only where it was asked to. Its Runtime API is never reachable from
// another machine, and the files of its workers are not readable by other users.
func TestLocalIsPrivate(t *testing.T) {
	for addr, reachable := range map[string]int{"127.0.0.1:0": 0, "0.0.0.0:0": 1} {
		dir := t.TempDir()
		p := start(t, "", []string{"TMPDIR=" + dir}, "local", "--addr", addr, "faults.run")
		p.waitFor(`is served on`)
		var open []string
		for _, address := range p.listening(t) {
			if !strings.HasPrefix(address, "0100007F:") { // 127.0.0.1
				open = append(open, address)
			}
		}
		if len(open) != reachable {
			t.Errorf("--addr %s: it listens on %v beside the loopback addresses, want %d", addr, open, reachable)
		}
		folders, err := os.ReadDir(dir)
		if err != nil || len(folders) == 0 {
			t.Fatalf("TMPDIR has %v, %v", folders, err)
		}
		for _, folder := range folders {
			if info, err := folder.Info(); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("TMPDIR has %v, %v; want it readable by its user only", info.Mode(), err)
			}
		}
	}
}

// listening returns the local addresses, in the hexadecimal form of /proc/net/tcp, on which
// bootstrap listens.
func (p *program) listening(t *testing.T) (addresses []string) {
	t.Helper()
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p.Cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	var sockets []string
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil {
			sockets = append(sockets, target) // socket:[INODE]
		}
	}
	const listens = "0A"
	row := regexp.MustCompile(`(?m)^ *\d+: ([0-9A-F]+:[0-9A-F]{4}) \S+ (..) \S+ \S+ \S+ +\d+ +\d+ (\d+)`)
	for _, table := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", p.Cmd.Process.Pid, table))
		if err != nil {
			continue // a machine without IPv6 has no tcp6
		}
		for _, m := range row.FindAllStringSubmatch(string(text), -1) {
			if m[2] == listens && slices.Contains(sockets, "socket:["+m[3]+"]") {
				addresses = append(addresses, m[1])
			}
		}
	}
	if len(addresses) < 2 {
		t.Fatalf("bootstrap listens on %v, want an address for callers and one for the Runtime API", addresses)
	}
	return addresses
}
