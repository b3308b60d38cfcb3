package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// exampleDurable runs the R tests of the example.
func exampleDurable(t *testing.T, dir string) { runExampleTests(t, dir) }

// The page shows the handler of the example, and its first test.
func TestDurablePage(t *testing.T) {
	shown := 0
	for _, block := range docBlocks(t, "../../docs/durable.md") {
		if !strings.HasSuffix(block.about, ".R") {
			continue
		}
		shown++
		file, err := os.ReadFile(filepath.Join("../../examples/durable", block.about))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(file), block.text) {
			t.Errorf("line %d is not what %s of the example has", block.line, block.about)
		}
	}
	if shown != 2 {
		t.Errorf("the page shows %d files of the example, want 2", shown)
	}
}

func TestDoctorOfADurableHandler(t *testing.T) {
	code := map[string]string{"functions.R": "report <- durable(function(month) durable_step(\"load\", month))\n"}
	out, status := examine(t, code, nil, "functions.report")
	expectLines(t, out,
		`ok    handler: functions\.report was loaded`,
		`ok    durable: the handler is durable\. The function needs DurableConfig, .*AWSLambdaBasicDurableExecutionRolePolicy; .*an alias or \$LATEST`,
	)
	if status != 0 {
		t.Errorf("exit status %d, want 0; it printed:\n%s", status, out)
	}
	if out, _ := examine(t, map[string]string{"functions.R": "report <- function(month) month\n"}, nil, "functions.report"); strings.Contains(out, "durable") {
		t.Errorf("it finds a plain handler durable:\n%s", out)
	}
}
