package worker

import (
	"fmt"
	"os"
	"strings"
	"unicode"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/worker/process"
)

// ownDescriptors is how many file descriptors every R has; see docs/architecture.md, "Ownership".
const ownDescriptors = 7

// fragile returns what R holds now and a restore breaks or repeats, as far as /proc shows it. If R
// is dead, it returns nothing.
func (w *Worker) fragile() []protocol.Finding {
	files, err := w.process.OpenFiles()
	if err != nil {
		return nil // R has ended, as the next frame shows
	}
	var findings []protocol.Finding
	named := map[string]bool{} // several descriptors can belong to one file
	for _, f := range files {
		finding, ok := fragileFile(f)
		if ok && !passedOn(f) && !named[finding.What] {
			named[finding.What] = true
			findings = append(findings, finding)
		}
	}
	for _, child := range w.process.Descendants() {
		findings = append(findings, fragileChild(child))
	}
	return findings
}

// fragileFile returns the finding that f is, if it is one. Pipes, Unix sockets and objects of the
// kernel, such as epoll and timers, do not lead out of the environment: they survive a restore.
func fragileFile(f process.OpenFile) (finding protocol.Finding, ok bool) {
	const reopen = "close it in on_snapshot(), open it in on_restore()"
	switch s := f.Socket; {
	case f.FD < ownDescriptors:
		return finding, false
	case s == nil:
		finding = protocol.Finding{Kind: "file", What: oneLine(f.Name) + ", open for writing", Fix: reopen}
		return finding, f.Regular && f.Writable
	case s.Connected:
		finding = protocol.Finding{
			Kind: "socket",
			What: fmt.Sprintf("a %s connection to %s (file descriptor %d)", strings.ToUpper(s.Network), s.Remote, f.FD),
			Fix:  reopen + " (package curl: set forbid_reuse = TRUE in its handles)",
		}
		return finding, true
	default:
		finding = protocol.Finding{
			Kind: "listener",
			What: fmt.Sprintf("a %s socket that listens at %s (file descriptor %d)", strings.ToUpper(s.Network), s.Local, f.FD),
			Fix:  reopen,
		}
		return finding, s.Local != ""
	}
}

// passedOn reports whether bootstrap was started with f and has passed it on, as a shell does with
// 9>lock.
func passedOn(f process.OpenFile) bool {
	ours, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.FD))
	return err == nil && ours == f.Name
}

func fragileChild(child process.Descendant) protocol.Finding {
	return protocol.Finding{
		Kind: "child",
		What: fmt.Sprintf("a child process of R, %s (pid %d)", oneLine(child.Name), child.PID),
		Fix:  "end it in on_snapshot(), start it in on_restore()",
	}
}

// oneLine replaces control characters, which file names may contain, by spaces.
func oneLine(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, name)
}
