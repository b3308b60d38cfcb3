//go:build criu

package snapstart

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"lambda-r-runtime/test/kit/snapshot"
)

// drawsIn restores the copies of a snapshot one after the other. It returns what each draws: the
// results of the handler and, with probe, what the probe of bootstrap says that each worker draws
// first, and the pause of bootstrap's own backoff.
func drawsIn(t *testing.T, i *snapshot.Image, probe bool) (all []map[string]string) {
	t.Helper()
	for range copies {
		e := i.Restore(t)
		draws := map[string]string{}
		for n := range 3 {
			var result map[string]any
			e.Invoke(`{}`, &result)
			for name, value := range result {
				draws[fmt.Sprint(name, " of invocation ", n)] = fmt.Sprint(value)
			}
		}
		if probe {
			maps.Copy(draws, probed(t, e))
			pause := regexp.MustCompile(`retry_in=(\S+)`).FindStringSubmatch(e.Output.String())
			if pause == nil {
				t.Fatalf("environment %d did not wait before it asked again; it printed:\n%s", e.Number, &e.Output)
			}
			draws["pause of bootstrap"] = pause[1]
		}
		e.Stop()
		all = append(all, draws)
	}
	return all
}

// probed returns what bootstrap has written to draws.json.
func probed(t *testing.T, e *snapshot.Environment) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(e.TempDir, "draws.json"))
	if err != nil {
		t.Fatal(err)
	}
	draws := map[string]string{}
	for line := range strings.Lines(string(text)) {
		var slot struct {
			Slot  int
			Draws map[string]string
		}
		if err := json.Unmarshal([]byte(line), &slot); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		for name, value := range slot.Draws {
			draws[fmt.Sprintf("probed-%s of slot %d", name, slot.Slot)] = value
		}
	}
	return draws
}

// kindOf returns the source of random values in the name of a draw.
func kindOf(name string) string { return strings.Fields(name)[0] }

// repeated returns the sources that drew a value twice, in one copy or in several. The directory
// for temporary files is the same for all invocations of a worker, so only copies are compared.
func repeated(all []map[string]string) []string {
	sources := map[string]bool{}
	drawn := map[string]string{}
	for n, draws := range all {
		for name, value := range draws {
			key, by := kindOf(name)+" "+value, fmt.Sprint("copy ", n)
			if k := kindOf(name); k != "tempdir" && k != "in_hook" {
				by += ", " + name
			}
			if before, ok := drawn[key]; ok && before != by {
				sources[kindOf(name)] = true
			}
			drawn[key] = by
		}
	}
	return slices.Sorted(maps.Keys(sources))
}

// No two copies of one snapshot draw the same values: R, its workers, the packages that they use,
// and bootstrap itself.
func TestNothingIsDrawnTwice(t *testing.T) {
	for _, rng := range []string{"", "L'Ecuyer-CMRG", "Wichmann-Hill"} {
		t.Run("RNG "+rng, func(t *testing.T) {
			i := take(t, bootstrap, "draws.f", "RNG="+rng, "AWS_LAMBDA_MAX_CONCURRENCY=2", "LAMBDA_R_SNAPSTART_PROBE=1")
			all := drawsIn(t, i, true)
			for _, source := range sources(rng) {
				if !slices.ContainsFunc(slices.Collect(maps.Keys(all[0])), func(name string) bool { return kindOf(name) == source }) {
					t.Errorf("nothing was drawn from %s: %v", source, all[0])
				}
			}
			if twice := repeated(all); twice != nil {
				t.Errorf("drawn twice from %q:\n%v", twice, all)
			}
		})
	}
}

// sources are those that the test draws from.
func sources(rng string) []string {
	names := []string{"runif", "rnorm", "sample", "tempfile", "tempdir", "rand_bytes", "uuid", "uuid_of_time", "forked", "in_hook", "pause",
		"probed-runif", "probed-tempfile", "probed-tempdir", "probed-rand_bytes"}
	if rng == "L'Ecuyer-CMRG" {
		names = append(names, "stream")
	}
	return names
}

// The copies of a web server draw nothing twice either. All of them listen on the port that is in the
// snapshot.
func TestServersDrawNothingTwice(t *testing.T) {
	for _, fork := range []string{"never", "always"} {
		i := take(t, bootstrap, "server.R", "AWS_LAMBDA_MAX_CONCURRENCY=2", "LAMBDA_R_FORK="+fork)
		all := drawsIn(t, i, false)
		if n := len(all[0]); n != 27 { // nine sources, three times
			t.Errorf("LAMBDA_R_FORK=%s: %d draws: %v", fork, n, all[0])
		}
		if twice := repeated(all); twice != nil {
			t.Errorf("LAMBDA_R_FORK=%s: drawn twice from %q:\n%v", fork, twice, all)
		}
	}
}
