package supervisor

import (
	"strings"
	"testing"
	"time"
)

// A story is what happens to a slot, word by word: ready, served, lost or spawn-failed. After
// each of the last two comes the pause that must follow, as a multiple of 100 ms before the
// jitter, and a ! if the slot gives up.
func TestRestarts(t *testing.T) {
	for _, test := range []struct{ name, story string }{
		{"crashes without an answer between them",
			"ready lost 0 ready lost 1 ready lost 2 ready lost 4 ready lost 8 ready lost 16 ready lost 32 ready lost 50 ready lost 50"},
		{"an answer ends the row", "ready lost 0 ready lost 1 ready served lost 0 ready lost 1"},
		{"a crash after each answer", "ready served lost 0 ready served lost 0 ready served lost 0 ready served lost 0"},
		{"spawns that fail", "failed 0 failed 1 failed 2 failed 4 failed 8! failed 16! failed 32! failed 50!"},
		{"a death before spawns that fail", "ready lost 0 failed 1 failed 2 failed 4 failed 8 failed 16!"},
		{"readiness ends the failed spawns, and not the pauses",
			"ready lost 0 failed 1 failed 2 failed 4 failed 8 ready lost 16 failed 32 failed 50 failed 50 failed 50 failed 50!"},
		{"an answer ends the pauses of failed spawns", "failed 0 failed 1 failed 2 failed 4 ready served lost 0 failed 1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var r restarts
			var pause time.Duration
			var gaveUp bool
			for i, word := range strings.Fields(test.story) {
				switch word {
				case "ready":
					r.ready()
				case "served":
					r.served()
				case "lost":
					pause, gaveUp = r.lost(), false
				case "failed":
					pause, gaveUp = r.spawnFailed()
				default:
					number, wantGaveUp := strings.CutSuffix(word, "!")
					want, err := time.ParseDuration(number + "00ms")
					if err != nil {
						t.Fatal(err)
					}
					if pause < want/2 || pause > want*3/2 || gaveUp != wantGaveUp {
						t.Errorf("word %d: pause of %s, gave up %v; want %s ± 50 %%, %v", i+1, pause, gaveUp, want, wantGaveUp)
					}
				}
			}
		})
	}
}

// Workers that failed together do not restart together.
func TestPauseIsSpread(t *testing.T) {
	pauses := map[time.Duration]bool{}
	for range 20 {
		pauses[(&restarts{failures: 9}).pause()] = true
	}
	if len(pauses) < 2 {
		t.Error("20 pauses of the same length")
	}
}
