package durable

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
)

// A disturbance breaks a few calls and invocations of an execution.
type disturbance struct {
	kill []func() // each ends a process; a call waits meanwhile, and goes on

	mu     sync.Mutex
	random *rand.Rand
	left   int
}

// newDisturbance returns a disturbance that strikes so many times.
func newDisturbance(seed uint64, times int) *disturbance {
	return &disturbance{random: rand.New(rand.NewPCG(seed, 0)), left: times}
}

// strikes returns a number from 1 to kinds, rarely, or 0.
func (d *disturbance) strikes(kinds int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left == 0 || d.random.IntN(6) > 0 {
		return 0
	}
	d.left--
	return 1 + d.random.IntN(kinds)
}

// wrap breaks calls of the API.
func (d *disturbance) wrap(next http.Handler) http.Handler {
	refuse := func(w http.ResponseWriter, status int, code, message string) {
		w.Header().Set("X-Amzn-Errortype", code)
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"message":%q}`, message) // the client may have left
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch n := d.strikes(5 + len(d.kill)); n {
		case 0:
			next.ServeHTTP(w, r)
		case 1:
			refuse(w, 429, "TooManyRequestsException", "Rate exceeded")
		case 2:
			refuse(w, 500, "ServiceException", "")
		case 3:
			refuse(w, 400, "InvalidParameterValueException", "Invalid checkpoint token")
		case 4: // cut before the call
			panic(http.ErrAbortHandler)
		case 5: // cut after the call
			next.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		default: // delayed until a process is dead
			d.kill[n-6]()
			next.ServeHTTP(w, r)
		}
	})
}
