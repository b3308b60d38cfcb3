package e2e

import (
	"path/filepath"
	"strconv"
	"testing"
)

// set.seed() at the top of the file does not make a worker draw the numbers of the one before
// it, unless the file asks for that.
func TestSeedOfTheFile(t *testing.T) {
	for _, keep := range []bool{false, true} {
		t.Run("keep_seed "+strconv.FormatBool(keep), func(t *testing.T) {
			dir := t.TempDir()
			config := "lambda_config(keep_seed = " + map[bool]string{false: "FALSE", true: "TRUE"}[keep] + ")\n"
			writeFile(t, filepath.Join(dir, "app.R"), config+`
set.seed(1)
run <- function(what) switch(what, draw = runif(3), pid = Sys.getpid())
`)
			p, f := startLocal(t, "app.run", []string{"LAMBDA_TASK_ROOT=" + dir})
			first := f.result(`{"what": "draw"}`)
			if again := f.result(`{"what": "draw"}`); again == first {
				t.Errorf("one worker drew %s twice", again)
			}
			kill(t, f.result(`{"what": "pid"}`))
			p.waitFor(`worker died idle`)
			if second := f.result(`{"what": "draw"}`); (second == first) != keep {
				t.Errorf("the first worker drew %s and the second %s", first, second)
			}
		})
	}
}
