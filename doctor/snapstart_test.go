package doctor

import (
	"testing"
	"time"

	"lambda-r-runtime/protocol"
)

func TestFragile(t *testing.T) {
	p := newPatient(t)
	p.fragile(nil)
	p.expect(`ok    snapshot: holds no connection, open file or seed that was found`)
	p.fragile([]protocol.Finding{{Kind: "file", What: "/tmp/log, open for writing", Fix: "close it"}, {Kind: "seed", What: "set.seed()", Fix: "remove it"}})
	p.expect(`warn  snapshot: /tmp/log, open for writing: close it`, `warn  snapshot: set\.seed\(\): remove it`)
	if p.failed {
		t.Error("a failure")
	}
	for kind := range dead {
		p.failed = false
		p.fragile([]protocol.Finding{{Kind: kind, What: "con", Fix: "close it"}})
		p.expect(`fail  snapshot: con: close it`)
		if !p.failed {
			t.Errorf("%s: not a failure", kind)
		}
	}
}

func TestAdvise(t *testing.T) {
	p := newPatient(t)
	p.advise(150*time.Millisecond, 0)
	p.advise(700*time.Millisecond, 200*time.Millisecond)
	p.advise(700*time.Millisecond, 300*time.Millisecond)
	p.advise(7*time.Second, 0)
	p.expect(
		`warn  SnapStart: is not worth it: it would save an init of 150 ms, but a restore takes 0\.4 to 0\.7 s`,
		`warn  SnapStart: is not worth it: it would save an init of 700 ms and 200 ms of the first invocation, but .*`,
		`ok    SnapStart: is worth it: it saves an init of 700 ms and 300 ms of the first invocation, .*`,
		`ok    SnapStart: is worth it: it saves an init of 7\.0 s, and a restore takes 0\.4 to 0\.7 s; Lambda bills .*`,
	)
	if p.failed {
		t.Error("a failure")
	}
}
