//go:build image

package image

import (
	"slices"
	"strconv"
	"testing"
	"time"
)

// One container runs a bare R and then bootstrap. The clock is the host's.
const coldStart = `
echo "bare from $(date +%s%N)"
Rscript -e 1 >/dev/null
echo "bare to $(date +%s%N)"
echo "bootstrap from $(date +%s%N)"
exec bootstrap functions.parity
`

// The median time from the start of bootstrap to the answer of a waiting invocation, beside a bare
// Rscript -e 1 in the same container.
func TestColdStart(t *testing.T) {
	const turns = 15
	var bare, first []time.Duration
	for turn := range turns + 1 {
		f := startLambda(t, []string{"--entrypoint", "sh"}, image, "-c", coldStart)
		f.checkParity()
		answered := time.Now()
		f.stop()
		if turn == 0 {
			continue // the first run reads R from the disk
		}
		bare = append(bare, f.clock("bare to").Sub(f.clock("bare from")))
		first = append(first, answered.Sub(f.clock("bootstrap from")))
	}
	slices.Sort(bare)
	slices.Sort(first)
	above := first[turns/2] - bare[turns/2]
	t.Logf("first answer: %v, %v above a bare Rscript -e 1 (%v)", round(first[turns/2]), round(above), round(bare[turns/2]))
	// How long exactly depends on what else the machine does, for both.
	if above > bare[turns/2] {
		t.Error("the first answer takes more than twice as long as a bare Rscript")
	}
}

// clock returns the time that the container printed for a name.
func (f function) clock(name string) time.Time {
	f.t.Helper()
	ns, err := strconv.ParseInt(f.waitFor(name + ` (\d+)`)[1], 10, 64)
	if err != nil {
		f.t.Fatal(err)
	}
	return time.Unix(0, ns)
}

func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
