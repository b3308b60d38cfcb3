package emulator

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"time"

	"lambda-r-runtime/protocol/runtimeapi"
)

// SnapStart describes a function that starts from a snapshot. Each environment prepares itself and
// calls /restore/next, which waits until Restore. Nothing is handed out before Resume.
//
// Lambda accepts one call of /restore/next, and so does the emulator, with one exception: it
// answers a runtime that asks again because its connection broke. That happens to a process that
// is restored from a snapshot on one machine. In Lambda the Runtime API is in the snapshot.
type SnapStart struct {
	// Environments is how many are restored from the snapshot; 1 if 0. They have the same
	// Runtime API, so something else must tell them apart: see Environment.
	Environments int

	// OnPrepared, if not nil, is called when an environment first calls /restore/next: the
	// snapshot can be taken, while that call waits.
	OnPrepared func(environment int, initTook time.Duration)

	// OnRestored, if not nil, is called when a restored environment asks for its first event.
	// Took is the time since Restore.
	OnRestored func(environment int, took time.Duration)

	// Credentials, if not nil, returns what the container credentials endpoint answers to
	// requests with Token.
	Credentials func() Credentials
	Token       string
}

// Credentials are temporary AWS credentials.
type Credentials struct {
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	Token           string
	Expiration      time.Time
}

// PathCredentials is the path of the container credentials endpoint.
const PathCredentials = "/2021-04-23/credentials"

// A restore is one environment's way from the snapshot to its first event.
type restore struct {
	begun    time.Time // Restore was called
	answered time.Time // /restore/next was answered
	took     time.Duration
	billed   time.Duration // the part of the runtime and its hooks
	asking   bool          // a call of /restore/next waits
}

func (r *restore) end(now time.Time) {
	r.took, r.billed = now.Sub(r.begun), now.Sub(r.answered)
}

func (e *Emulator) routeSnapStart() {
	e.runtimeAPI.HandleFunc("GET "+runtimeapi.PathRestoreNext, e.handleRestoreNext)
	e.runtimeAPI.HandleFunc("POST "+runtimeapi.PathRestoreError, e.handleRestoreError)
	e.runtimeAPI.HandleFunc("GET "+PathCredentials, e.handleCredentials)
}

// Environment returns the Runtime API for one of the environments, which are numbered from 0 on.
func (e *Emulator) Environment(number int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := context.WithValue(r.Context(), environmentKey{}, number)
		e.runtimeAPI.ServeHTTP(w, r.WithContext(ctx))
	})
}

// Restore begins the restore of an environment: its /restore/next is answered, whether it waits
// already or is called later. The time of a restore begins with this call.
func (e *Emulator) Restore(number int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if env := e.environments[number]; env.phase == initializing || env.phase == prepared {
		env.phase = restoring
		env.restore.begun = time.Now()
		e.wake()
	}
}

// Failed reports whether the runtime of an environment has posted that its init or restore failed.
func (e *Emulator) Failed(number int) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.environments[number].phase == broken
}

// handleRestoreNext waits until the environment is restored.
func (e *Emulator) handleRestoreNext(w http.ResponseWriter, r *http.Request) {
	env, ok := e.prepare(r)
	if !ok {
		writeError(w, http.StatusForbidden, "InvalidStateTransition",
			"/restore/next is called once, before the first /invocation/next")
		return
	}
	restored := e.waitUntil(r.Context(), func() bool { return env.phase != prepared })
	e.mu.Lock()
	env.restore.asking = false
	if restored && env.restore.answered.IsZero() {
		env.restore.answered = time.Now()
	}
	e.mu.Unlock()
	if restored {
		w.WriteHeader(http.StatusOK) // without a body
	}
}

// prepare records a call of /restore/next and returns its environment. It returns false if the
// call is refused.
func (e *Emulator) prepare(r *http.Request) (*environment, bool) {
	e.mu.Lock()
	env := e.environmentOf(r)
	before := env.phase
	switch {
	case before == initializing:
		env.phase = prepared
		env.initTook = time.Since(env.started)
	case before == prepared && !env.restore.asking, before == restoring:
		// Its connection broke.
	default:
		e.mu.Unlock()
		return nil, false
	}
	env.restore.asking = true
	initTook := env.initTook
	e.mu.Unlock()
	if before == initializing && e.config.SnapStart.OnPrepared != nil {
		e.config.SnapStart.OnPrepared(env.number, initTook)
	}
	return env, true
}

// handleRestoreError takes the error that ends a restore.
func (e *Emulator) handleRestoreError(w http.ResponseWriter, r *http.Request) {
	e.takeFailure(w, r, restoring, "the runtime is not being restored")
}

// handleCredentials is the container credentials endpoint.
func (e *Emulator) handleCredentials(w http.ResponseWriter, r *http.Request) {
	s := e.config.SnapStart
	if s.Credentials == nil || s.Token == "" ||
		subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte(s.Token)) == 0 {
		http.Error(w, "cannot get credentials for the provided token", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s.Credentials()) // a client that has left needs no answer
}
