package main

import (
	"slices"
	"testing"
	"time"
)

// The child's init may take as long as --timeout allows, which only its parent is given.
func TestInitLimitOfSnapStart(t *testing.T) {
	server, err := listenLocal("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.close(); err != nil {
			t.Error(err)
		}
	})
	l := &snapLocal{settings: settings{timeout: 15 * time.Minute}, options: &localOptions{}, server: server}
	cmd, err := l.command(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(cmd.Env, "LAMBDA_R_INIT_TIMEOUT=15m0s") {
		t.Errorf("the environment is %q", cmd.Env)
	}
}
