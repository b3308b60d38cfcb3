package worker

import (
	"os"
	"path/filepath"
	"testing"
)

func TestProfile(t *testing.T) {
	task, home, none := t.TempDir(), t.TempDir(), t.TempDir()
	write := func(dir, name string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	inTask, inHome := write(task, ".Rprofile"), write(home, ".Rprofile")
	user, tilde := write(task, "user.R"), write(home, "user.R")
	for _, row := range []struct {
		name, dir, want string
		env             []string
	}{
		{"of the task", task, inTask, []string{"HOME=" + home}},
		{"of the home", none, inHome, []string{"HOME=" + home}},
		{"none", none, "", []string{"HOME=" + none}},
		{"no home", none, "", nil},
		{"given", none, user, []string{"HOME=" + home, "R_PROFILE_USER=" + user}},
		{"given, relative", task, user, []string{"R_PROFILE_USER=user.R"}},
		{"given, in the home", none, tilde, []string{"HOME=" + home, "R_PROFILE_USER=~/user.R"}},
		{"given and missing, so that no other is read", task, "", []string{"HOME=" + home, "R_PROFILE_USER=/no/such"}},
		{"the last entry counts", task, inTask, []string{"R_PROFILE_USER=/no/such", "R_PROFILE_USER="}},
	} {
		if got := Profile(row.dir, row.env); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}
