package supervisor

import (
	"time"

	"github.com/cenkalti/backoff/v4"

	"lambda-r-runtime/internal/random"
)

// A backOff is the policy for calls of the Runtime API that are made again. It draws the jitter
// itself, because the library's generator is the same in all copies of a snapshot.
type backOff struct{ *backoff.ExponentialBackOff }

// newBackOff returns a policy with pauses from first to most, ± 50 %. It never gives up.
func newBackOff(first, most time.Duration) backOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = first, most
	b.RandomizationFactor, b.MaxElapsedTime = 0, 0
	return backOff{b}
}

// NextBackOff returns the next pause, or backoff.Stop.
func (b backOff) NextBackOff() time.Duration {
	pause := b.ExponentialBackOff.NextBackOff()
	if pause == backoff.Stop {
		return pause
	}
	pause = random.Jitter(pause)
	if most := b.MaxElapsedTime; most > 0 && b.GetElapsedTime()+pause > most {
		return backoff.Stop
	}
	return pause
}
