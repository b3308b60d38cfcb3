package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/test/kit/lambda"
)

// secretPart is in all credentials and in the token of their endpoint.
const secretPart = "do-not-log-this"

// A keyring is what a credentials endpoint answers with. It counts its requests.
type keyring struct {
	mu       sync.Mutex
	requests int
	lasts    time.Duration // how long the credentials are valid
}

// next returns new credentials, with the number of the request in each part.
func (k *keyring) next() emulator.Credentials {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.requests++
	keys := keysOf(k.requests)
	return emulator.Credentials{
		AccessKeyID: keys[0], SecretAccessKey: keys[1], Token: keys[2], Expiration: time.Now().Add(k.lasts),
	}
}

// count returns how many requests there were.
func (k *keyring) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.requests
}

// keysOf returns the credentials of a request, in the order of their variables.
func keysOf(request int) []string {
	return []string{
		fmt.Sprintf("id-%d-%s", request, secretPart),
		fmt.Sprintf("key-%d-%s", request, secretPart),
		fmt.Sprintf("session-%d-%s", request, secretPart),
	}
}

// set sets how long the credentials of the next requests are valid.
func (k *keyring) set(lasts time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lasts = lasts
}

// seenKeys is the result of testdata/snapstart/keys.R.
type seenKeys struct {
	Init, Prime, Snapshot, Restore, Now []string
	PID                                 int
}

// startKeys starts testdata/snapstart/keys.R with an endpoint that has k's credentials.
func startKeys(t *testing.T, k *keyring, env ...string) *snapRun {
	t.Helper()
	const token = "Bearer " + secretPart
	api := emulator.New(emulator.Config{
		Timeout:   10 * time.Second,
		SnapStart: &emulator.SnapStart{Credentials: k.next, Token: token},
	})
	recorded := lambda.Record(api, nil)
	rec := &recorder{recorded, lambda.Serve(t, recorded)}
	env = append([]string{
		"AWS_LAMBDA_INITIALIZATION_TYPE=snap-start", "LOG_LEVEL=trace",
		"AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_SESSION_TOKEN=", // those of the machine that tests
		"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + rec.URL + emulator.PathCredentials,
		"AWS_CONTAINER_AUTHORIZATION_TOKEN=" + token,
	}, env...)
	p, f := startLambda(t, rec, "snapstart", "keys.f", env...)
	return &snapRun{p, f, rec, api}
}

// keys invokes the function, which must succeed.
func (r *snapRun) keys() (seen seenKeys) {
	r.program.t.Helper()
	if err := json.Unmarshal([]byte(r.result(`{}`)), &seen); err != nil {
		r.program.t.Fatal(err)
	}
	return seen
}

// hidesKeys checks that nothing that bootstrap printed or reported has a secret.
func (r *snapRun) hidesKeys() {
	r.program.t.Helper()
	if strings.Contains(r.output(), secretPart) {
		r.program.t.Errorf("the log has a secret:\n%s", r.output())
	}
}

// R has the credentials in its environment from the beginning, others after the restore, and new
// ones before they expire. So has an R that replaces another one. The log has none of them.
func TestCredentialsOfSnapStart(t *testing.T) {
	for _, format := range []string{"Text", "JSON"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			k := &keyring{lasts: time.Hour}
			r := startKeys(t, k, "AWS_LAMBDA_LOG_FORMAT="+format, "AWS_LAMBDA_MAX_CONCURRENCY=2", "LAMBDA_R_FORK=never").waiting()
			k.set(time.Minute) // so that they are due soon after the restore
			r.restore()

			first := r.keys()
			for phase, keys := range map[string][]string{"init": first.Init, "priming": first.Prime, "before-snapshot hook": first.Snapshot} {
				if !slices.Equal(keys, keysOf(1)) {
					t.Errorf("%s: the credentials are %q, want the first ones", phase, keys)
				}
			}
			for phase, keys := range map[string][]string{"after-restore hook": first.Restore, "invocation": first.Now} {
				if !slices.Equal(keys, keysOf(2)) {
					t.Errorf("%s: the credentials are %q, want the second ones", phase, keys)
				}
			}

			k.set(time.Hour)
			renewed := map[int]bool{} // by worker
			for began := time.Now(); len(renewed) < 2; {
				if time.Since(began) > patience {
					t.Fatalf("%d of 2 workers got renewed credentials", len(renewed))
				}
				seen := r.keys()
				if slices.Equal(seen.Now, keysOf(3)) {
					renewed[seen.PID] = true
				} else if !slices.Equal(seen.Now, keysOf(2)) {
					t.Fatalf("an invocation had the credentials %q", seen.Now)
				}
			}

			for _, fault := range []string{"stop", "segfault", "kill"} {
				if e := r.failure(fmt.Sprintf(`{"fault": %q}`, fault)); strings.Contains(fmt.Sprint(e), secretPart) {
					t.Errorf("the caller gets a secret: %+v", e)
				}
			}
			for {
				seen := r.keys()
				if renewed[seen.PID] {
					continue
				}
				for phase, keys := range map[string][]string{"init": seen.Init, "after-restore hook": seen.Restore, "invocation": seen.Now} {
					if !slices.Equal(keys, keysOf(3)) {
						t.Errorf("a later R: %s: the credentials are %q, want the third ones", phase, keys)
					}
				}
				break
			}
			r.hidesKeys()
		})
	}
}

// An endpoint that gives no credentials is a warning with its cause: the function may not use AWS.
func TestCredentialsAreRefused(t *testing.T) {
	t.Parallel()
	k := &keyring{lasts: time.Hour}
	r := startKeys(t, k, "AWS_CONTAINER_AUTHORIZATION_TOKEN=other-"+secretPart).restore()
	seen := r.keys()
	for _, keys := range [][]string{seen.Init, seen.Restore, seen.Now} {
		if !slices.Equal(keys, []string{"", "", ""}) {
			t.Errorf("R has the credentials %q", keys)
		}
	}
	r.waitFor(`WRN credentials not fetched, calls to AWS will fail error="?credentials endpoint http://127\.0\.0\.1:\d+: status 404: check AWS_CONTAINER_AUTHORIZATION_TOKEN`)
	if n := strings.Count(r.output(), "credentials not fetched"); n != 1 {
		t.Errorf("%d warnings:\n%s", n, r.output())
	}
	r.hidesKeys()
}

// The endpoint also serves functions without a snapshot. Credentials that Lambda has set are left
// alone.
func TestCredentialsWithoutSnapStart(t *testing.T) {
	t.Parallel()
	for _, own := range []bool{false, true} {
		k := &keyring{lasts: time.Hour}
		env, want, requests := []string{"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand"}, keysOf(1), 1
		if own {
			want, requests = []string{"own-id", "own-key", "own-session"}, 0
			env = append(env, "AWS_ACCESS_KEY_ID=own-id", "AWS_SECRET_ACCESS_KEY=own-key", "AWS_SESSION_TOKEN=own-session")
		}
		r := startKeys(t, k, env...)
		r.api.Restore(0) // so that the emulator hands out events
		r.api.Resume()
		seen := r.keys()
		if !slices.Equal(seen.Init, want) || !slices.Equal(seen.Now, want) {
			t.Errorf("R has the credentials %q and %q, want %q", seen.Init, seen.Now, want)
		}
		if n := k.count(); n != requests {
			t.Errorf("%d requests, want %d", n, requests)
		}
		r.hidesKeys()
	}
}
