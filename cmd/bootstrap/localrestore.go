package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"lambda-r-runtime/cmd/bootstrap/internal/proctree"
	"lambda-r-runtime/internal/checkpoint"
	"lambda-r-runtime/worker/process"
)

// restoreTime is how long a restored environment may take until it asks for its first event, as in
// Lambda, and a little for this machine.
const restoreTime = 12 * time.Second

// A snapTimes is how long each step took.
type snapTimes struct {
	init     time.Duration
	snapshot string // "0.18 s (CRIU 4.2)"
	restores []time.Duration
}

func (t snapTimes) String() string {
	shortest, longest := t.restores[0], t.restores[0]
	for _, took := range t.restores {
		shortest, longest = min(shortest, took), max(longest, took)
	}
	restore := seconds(longest)
	if len(t.restores) > 1 {
		restore = fmt.Sprintf("%s to %s in %d environments", seconds(shortest), seconds(longest), len(t.restores))
	}
	return fmt.Sprintf("SnapStart: init %s, snapshot %s, restore %s", seconds(t.init), t.snapshot, restore)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// startEnvironments starts the function and restores it in all environments.
func (l *snapLocal) startEnvironments(ctx context.Context) (snapTimes, error) {
	tool, err := checkpoint.Find(ctx, l.getenv)
	if ctx.Err() != nil {
		return snapTimes{}, ctx.Err()
	}
	if err != nil {
		l.log.Warn("the snapshot is a stand-in: the processes keep running, but lose what a restore breaks", "reason", err)
		return l.standIn(ctx)
	}
	times, err := l.snapshot(ctx, tool)
	if _, ok := errors.AsType[*checkpoint.Error](err); ok {
		err = fmt.Errorf("%w; %s=none uses a stand-in for the snapshot", err, checkpoint.Variable)
	}
	return times, err
}

// snapshot starts one environment, takes a snapshot of it and restores that.
func (l *snapLocal) snapshot(ctx context.Context, tool *checkpoint.Tool) (times snapTimes, err error) {
	tempDir := filepath.Join(l.dir, "tmp")
	published, err := l.start(0, tempDir, l.outputOf(-1), tool.Start) // it is all environments
	if err != nil {
		return times, err
	}
	if times.init, err = l.awaitPrepared(ctx, published); err != nil {
		return times, err
	}
	begin := time.Now()
	image, err := tool.Dump(ctx, published.process, tempDir, filepath.Join(l.dir, "snapshot"))
	if err != nil {
		return times, err
	}
	defer func() {
		if err := image.Forget(); err != nil {
			l.log.Warn("memory of the snapshot not removed", "error", err)
		}
	}()
	times.snapshot = fmt.Sprintf("%s (CRIU %s)", seconds(time.Since(begin)), tool.Version)
	times.restores, err = l.restoreAll(ctx, func(ctx context.Context, number int) error {
		l.emulator.Restore(number)
		e, err := l.add(number, func() (*localEnvironment, error) {
			c, err := image.Restore(ctx, l.outputOf(number))
			if err != nil {
				return nil, err
			}
			return &localEnvironment{process: c.Process, root: c.RootPID(), tempDir: c.TempDir, terminate: c.Terminate}, nil
		})
		if err == nil {
			l.watch(e)
		}
		return err
	})
	return times, err
}

// standIn starts each environment by itself, and breaks what a restore would break.
func (l *snapLocal) standIn(ctx context.Context) (times snapTimes, err error) {
	times.snapshot = "none (stand-in)"
	begin := func(ctx context.Context, number int) (time.Duration, error) {
		e, err := l.start(number, filepath.Join(l.dir, fmt.Sprint(number+1)), l.outputOf(number), process.Start)
		if err != nil {
			return 0, err
		}
		l.watch(e)
		return l.awaitPrepared(ctx, e)
	}
	if times.init, err = begin(ctx, 0); err != nil { // alone, to measure it
		return times, err
	}
	g, beginning := errgroup.WithContext(ctx)
	g.SetLimit(runtime.NumCPU())
	for number := 1; number < l.options.restores; number++ {
		g.Go(func() error {
			_, err := begin(beginning, number)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return times, err
	}
	times.restores, err = l.restoreAll(ctx, func(_ context.Context, number int) error {
		e := l.get(number)
		peers, err := proctree.CutConnections(e.root, "TMPDIR="+e.tempDir+"/")
		if err != nil {
			l.log.Warn("connections not cut, as a restore would", "environment", number+1, "error", err)
		}
		if len(peers) > 0 {
			l.log.Info("network connections cut, as by a restore", "environment", number+1, "peers", strings.Join(peers, ", "))
		}
		l.emulator.Restore(number)
		return nil
	})
	return times, err
}

// restoreAll calls restore for each environment, as many at once as there are CPUs, and waits until
// all of them are restored.
func (l *snapLocal) restoreAll(ctx context.Context, restore func(ctx context.Context, number int) error) ([]time.Duration, error) {
	l.credentials.restore(ctx)
	g, restoring := errgroup.WithContext(ctx)
	g.SetLimit(max(2, runtime.NumCPU()))
	for number := range l.options.restores {
		g.Go(func() error { return restore(restoring, number) })
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	limit := time.NewTimer(restoreTime)
	defer limit.Stop()
	var all []time.Duration
	for len(all) < l.options.restores {
		select {
		case took := <-l.restored:
			all = append(all, took)
		case e := <-l.ended:
			return nil, &environmentError{e}
		case <-limit.C:
			return nil, fmt.Errorf("the restore took over %v, Lambda's limit is 10 s: shorten the hooks of on_restore()", restoreTime)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return all, nil
}

// awaitPrepared waits until an environment waits for its restore.
func (l *snapLocal) awaitPrepared(ctx context.Context, e *localEnvironment) (time.Duration, error) {
	select {
	case took := <-l.prepared[e.number]:
		return took, nil
	case <-e.process.Done():
		return 0, &environmentError{e}
	case other := <-l.ended:
		return 0, &environmentError{other}
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}
