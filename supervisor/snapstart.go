package supervisor

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v4"

	"lambda-r-runtime/protocol/runtimeapi"
)

// With SnapStart, Lambda takes a snapshot of the whole environment after the init, and starts each
// environment from it. So the life of a supervisor is:
//
//  1. Each slot starts its worker, which is primed and runs its hooks of on_snapshot().
//  2. When all are prepared, one call of /restore/next waits. Meanwhile the snapshot is taken, and
//     everything below happens once in each restored copy.
//  3. Each slot's worker is renewed and runs its hooks of on_restore().
//  4. When all have, polls begin. The first poll ends Lambda's restore phase.
//
// Two clocks jump between 2 and 3, so no time from before is compared with one from after, and no
// timer survives. A worker that is found dead then, or that was still loading, is replaced by a new
// one, which runs both kinds of hooks. A worker that is spawned later does the same.

// RestoreLimit is how long the hooks of on_restore() may take. Lambda throws an environment away
// that does not call /next within 10 s (AWS Lambda Developer Guide, "Lambda SnapStart runtime
// hooks"). The rest of them is for R to report where it was, and for /restore/error.
const RestoreLimit = 9 * time.Second

// maxRestoreRetries is how often a /restore/next that fails without an answer is asked again. It is
// no time limit, because a clock may jump in the middle.
const maxRestoreRetries = 20

// A snapStart is the phase that all slots of a supervisor share.
type snapStart struct {
	slots    int
	prepared atomic.Int32  // slots whose worker waits for the restore
	changed  chan struct{} // has room for one value: prepared has grown
	restored chan struct{} // closed when /restore/next was answered
	deadline time.Time     // of the hooks of on_restore(), set before restored is closed
	through  atomic.Int32  // slots that have been through the restore
	opened   chan struct{} // closed when polls may begin
	polled   atomic.Bool   // the first poll has begun: Lambda's restore phase is over
	reported atomic.Bool   // /restore/error was called
}

func newSnapStart(slots int) *snapStart {
	return &snapStart{
		slots:    slots,
		changed:  make(chan struct{}, 1),
		restored: make(chan struct{}),
		opened:   make(chan struct{}),
	}
}

// count adds n to the slots that are prepared.
func (p *snapStart) count(n int32) {
	p.prepared.Add(n)
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// pass notes that a slot has been through the restore. After the last one, polls begin.
func (p *snapStart) pass() {
	if int(p.through.Add(1)) == p.slots {
		close(p.opened)
	}
}

// awaitRestore waits until all slots are prepared, and then for the restore. Its error ends the
// supervisor.
func (s *Supervisor) awaitRestore(ctx context.Context) error {
	for int(s.snap.prepared.Load()) < s.snap.slots {
		select {
		case <-s.snap.changed:
		case <-ctx.Done():
			return nil
		}
	}
	err := s.restoreNext(ctx)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		s.initFailed.Store(true)
		return &RestoreRefusedError{err}
	}
	s.snap.deadline = time.Now().Add(RestoreLimit)
	close(s.snap.restored)
	return nil
}

// restoreNext calls /restore/next. If its connection breaks, nothing shows whether the snapshot was
// taken, and only another call can be answered. An answer is final. The first break is not a warning,
// because CRIU, which bootstrap local uses, cuts the connections of what it restores.
func (s *Supervisor) restoreNext(ctx context.Context) error {
	b := newBackOff(50*time.Millisecond, 2*time.Second)
	level := slog.LevelInfo
	return backoff.RetryNotify(func() error {
		err := s.config.API.RestoreNext(ctx)
		if isAnswer(err) {
			return backoff.Permanent(err)
		}
		return err
	}, backoff.WithContext(backoff.WithMaxRetries(b, maxRestoreRetries), ctx), func(err error, pause time.Duration) {
		s.config.Log.Log(ctx, level, "waiting for the restore failed, retrying", "error", err, "retry_in", pause)
		level = slog.LevelWarn
	})
}

// reportRestore posts err as the restore error, at most once and not after the first poll, when
// Lambda would refuse it.
func (s *Supervisor) reportRestore(err error) {
	if s.snap.polled.Load() || s.snap.reported.Swap(true) {
		return
	}
	report := reportOf(err)
	report.Type = runtimeapi.ErrorAfterRestore
	ctx, cancel := context.WithTimeout(context.Background(), maxInitReport)
	defer cancel()
	if err := s.config.API.RestoreError(ctx, report); err != nil {
		s.config.Log.Error("restore error not reported", "error", err)
	}
}
