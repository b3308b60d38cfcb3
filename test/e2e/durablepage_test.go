package e2e

import (
	"os"
	"os/exec"
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

// The commands of the page start an execution of the example, and answer its callback.
func TestDurablePageOnOneMachine(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Fatal("curl is not installed")
	}
	root, err := filepath.Abs("../../examples/durable")
	if err != nil {
		t.Fatal(err)
	}
	p, f := startLocal(t, "functions.report", []string{"LAMBDA_TASK_ROOT=" + root}, "--skip-time")
	id, ran := "", 0
	for _, block := range docBlocks(t, "../../docs/durable.md") {
		if block.lang != "sh" || !strings.HasPrefix(block.text, "curl ") {
			continue
		}
		if ran++; ran == 2 {
			id = p.waitFor(`Answer to (\S+)`)[1]
		}
		text := strings.NewReplacer("curl ", curl+" -sS --fail ", "http://127.0.0.1:9000", f.url).Replace(block.text)
		cmd := exec.Command("sh", "-c", text)
		cmd.Env = append(os.Environ(), "ID="+id)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("line %d: %v: %s", block.line, err, out)
		}
	}
	if ran != 2 {
		t.Fatalf("the page has %d commands with curl, want 2", ran)
	}
	p.waitFor(`Report of May: 2 shops grow`)
	p.waitFor(`status=SUCCEEDED`)
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
