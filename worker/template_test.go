package worker

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// spawnTemplate spawns a template with a real R and functionsR. Fork forks a worker of it, which is
// gone when the test ends.
func spawnTemplate(t *testing.T, code ...string) (fork func() *Worker, tmpl *Template, book *logbook) {
	t.Helper()
	c, book := realConfig(t, append([]string{functionsR}, code...)...)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	w, err := Spawn(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err = NewTemplate(w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tmpl.Shutdown)
	return func() *Worker {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		w, err := tmpl.Fork(ctx, c)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			w.Kill("the test is over")
			w.Shutdown(context.Background())
		})
		return w
	}, tmpl, book
}

func TestFork(t *testing.T) {
	fork, tmpl, _ := spawnTemplate(t)
	for i := range 5 {
		w := fork()
		got, err := invoke(w, fmt.Sprint(i), `{"what": "parity", "number": 4}`)
		if err != nil || got != `{"parity":"even"}` {
			t.Errorf("got %q, %v", got, err)
		}
		if w.PID() == tmpl.PID() {
			t.Error("the template serves")
		}
		if got, err := invoke(w, "2", `{"what": "tempdir"}`); err != nil || !strings.HasPrefix(got, `"`+w.TempDir()+"/Rtmp") {
			t.Errorf("tempdir() is %s, %v; want one in %s", got, err, w.TempDir())
		}
	}
}

// Threads that a fork would not have are hazards, except for that of cli.
func TestThreadHazardsOfR(t *testing.T) {
	for name, test := range map[string]struct{ code, want string }{
		"none":       {"", ""},
		"cli":        {"library(cli)", ""},
		"data.table": {"library(data.table); setDTthreads(2); x <- data.table(a = runif(1e6), b = 1:100)[, sum(a), by = b]", "a pool of OpenMP threads, of package data.table"},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := realConfig(t, functionsR, test.code)
			c.Env, _ = SingleThreaded(c.Env)
			w := spawn(t, c)
			hazards, err := w.Hazards(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var got string
			for _, h := range hazards {
				got += h.What
			}
			if got != test.want {
				t.Errorf("got %+v, want %q", hazards, test.want)
			}
		})
	}
}
