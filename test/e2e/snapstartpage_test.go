package e2e

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

const snapStartPage = "../../docs/snapstart.md"

// snapStartExample returns the example of docs/snapstart.md and the blocks that follow it.
func snapStartExample(t *testing.T) (docBlock, []docBlock) {
	t.Helper()
	blocks := docBlocks(t, snapStartPage)
	for i, block := range blocks {
		if block.lang == "r" && block.about == "functions.consumption" {
			return block, blocks[i+1 : i+3]
		}
	}
	t.Fatalf("%s has no example", snapStartPage)
	panic("unreachable")
}

// The example is the file in examples/, and does what the page says.
func TestSnapStartPage(t *testing.T) {
	t.Parallel()
	code, uses := snapStartExample(t)
	file, err := os.ReadFile("../../examples/snapstart/functions.R")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(string(file), "\n\n"+code.text) {
		t.Errorf("the page's example is not the end of examples/snapstart/functions.R")
	}
	checkExample(t, code, uses)
}

// timeless returns text with the same time in place of all others.
func timeless(text string) string {
	return regexp.MustCompile(`\d[\d.]* m?s\b`).ReplaceAllString(text, "0 s")
}

// bootstrap doctor prints the lines of the page, with other times. Its advice depends on the machine.
func TestSnapStartPageDoctor(t *testing.T) {
	t.Parallel()
	code, _ := snapStartExample(t)
	without := regexp.MustCompile(`(?m)^on_(snapshot|restore).*\n`).ReplaceAllString(code.text, "")
	good, _ := examine(t, map[string]string{"functions.R": code.text}, nil, "--snapstart", "functions.consumption")
	bad, _ := examine(t, map[string]string{"functions.R": without}, nil, "--snapstart", "functions.consumption")
	checked := 0
	for _, block := range docBlocks(t, snapStartPage) {
		for line := range strings.Lines(block.text) {
			line = strings.TrimSuffix(line, "\n")
			if block.lang != "" || !strings.HasPrefix(line, "ok  ") && !strings.HasPrefix(line, "fail") || strings.Contains(line, "SnapStart:") {
				continue
			}
			out := good
			if strings.HasPrefix(line, "fail") {
				out = bad
			}
			if !strings.Contains(timeless(out), timeless(line)+"\n") {
				t.Errorf("bootstrap doctor does not print %q, but:\n%s", line, out)
			}
			checked++
		}
	}
	if checked < 4 {
		t.Errorf("%d lines were checked", checked)
	}
}

// Each message in the page's table is printed by bootstrap local, for a function that causes it.
func TestSnapStartPageMessages(t *testing.T) {
	causes := map[string]string{
		"priming failed: ":                                                       "lambda_config(prime = '{}')\nf <- function() stop('no')",
		"an on_snapshot() hook failed: ":                                         "on_snapshot(function() stop('no'))\nf <- function() 1",
		"an on_restore() hook failed: ":                                          "on_restore(function() stop('no'))\nf <- function() 1",
		"it was not done 9s after the restore":                                   "on_restore(function() Sys.sleep(1000))\nf <- function() 1",
		"a restore breaks or repeats what the init made":                         "set.seed(1)\nf <- function() 1",
		"environments that were restored from one snapshot draw the same values": "set.seed(1)\nlambda_config(keep_seed = TRUE)\nf <- function() 1",
	}
	page, err := os.ReadFile(snapStartPage)
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## When it fails\n")
	section, _, _ = strings.Cut(section, "\n## ")
	rows := regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(section, -1)
	if len(rows) != len(causes) {
		t.Errorf("the table has %d messages, and the test has functions for %d", len(rows), len(causes))
	}
	for _, row := range rows {
		t.Run(row[1], func(t *testing.T) {
			t.Parallel()
			code, ok := causes[row[1]]
			if !ok {
				t.Fatal("no function causes this message")
			}
			dir := t.TempDir()
			writeFile(t, dir+"/functions.R", code+"\n")
			p := start(t, "", []string{"LAMBDA_TASK_ROOT=" + dir}, "local", "--addr", "127.0.0.1:0", "--snapstart", "--restores", "2", "functions.f")
			p.waitFor(regexp.QuoteMeta(row[1]))
		})
	}
}
