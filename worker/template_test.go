package worker

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
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
		start := time.Now()
		w := fork()
		t.Log(time.Since(start))
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
