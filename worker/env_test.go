package worker

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestEnvironment(t *testing.T) {
	home := t.TempDir()
	berlin := filepath.Join(home, "localtime")
	if err := os.Symlink("../usr/share/zoneinfo/Europe/Berlin", berlin); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		base  []string
		unset []string
		want  []string
	}{
		{"nothing", nil,
			[]string{"LC_ALL"},
			[]string{"HOME=/tmp", "TZ=UTC", "LANG=C.UTF-8", "OMP_NUM_THREADS=3", "OPENBLAS_NUM_THREADS=3", "MKL_NUM_THREADS=3"}},
		{"the Runtime API is bootstrap's", []string{"AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001"},
			[]string{"AWS_LAMBDA_RUNTIME_API"}, nil},
		{"the telemetry log is bootstrap's", []string{"_LAMBDA_TELEMETRY_LOG_FD=62"},
			[]string{"_LAMBDA_TELEMETRY_LOG_FD"}, nil},
		{"R knows its home", []string{"R_HOME=/usr/lib/R"},
			[]string{"R_HOME"}, nil},
		{"home that exists", []string{"HOME=" + home}, nil, []string{"HOME=" + home}},
		{"home that does not exist", []string{"HOME=" + home + "/sbx_user1051"}, nil, []string{"HOME=/tmp"}},
		{"home that is a file", []string{"HOME=/proc/self/status"}, nil, []string{"HOME=/tmp"}},
		{"empty home", []string{"HOME="}, nil, []string{"HOME=/tmp"}},
		{"time zone of Managed Instances", []string{"TZ=:UTC"}, nil, []string{"TZ=UTC"}},
		{"time zone with a colon", []string{"TZ=:Europe/Berlin"}, nil, []string{"TZ=Europe/Berlin"}},
		{"time zone", []string{"TZ=Europe/Berlin"}, nil, []string{"TZ=Europe/Berlin"}},
		{"empty time zone", []string{"TZ=:"}, nil, []string{"TZ=UTC"}},
		{"time zone of the system", []string{"TZ=:" + berlin}, nil, []string{"TZ=Europe/Berlin"}},
		{"time zone in a file", []string{"TZ=:/proc/self/status"}, nil, []string{"TZ=/proc/self/status"}},
		{"locale", []string{"LANG=C", "LC_TIME=POSIX"}, nil, []string{"LANG=C", "LC_TIME=POSIX"}},
		{"empty locale", []string{"LANG="}, nil, []string{"LANG=C.UTF-8"}},
		{"LC_ALL", []string{"LC_ALL=C"}, []string{"LANG"}, []string{"LC_ALL=C"}},
		{"threads", []string{"OMP_NUM_THREADS=7"}, nil,
			[]string{"OMP_NUM_THREADS=7", "OPENBLAS_NUM_THREADS=3", "MKL_NUM_THREADS=3"}},
		{"credentials and all else",
			[]string{"AWS_ACCESS_KEY_ID=id", "AWS_SECRET_ACCESS_KEY=a=b==", "AWS_SESSION_TOKEN=t", "AWS_REGION=eu-central-1", "EMPTY="}, nil,
			[]string{"AWS_ACCESS_KEY_ID=id", "AWS_SECRET_ACCESS_KEY=a=b==", "AWS_SESSION_TOKEN=t", "AWS_REGION=eu-central-1", "EMPTY="}},
		{"of two with one name, the last counts", []string{"TZ=Europe/Berlin", "TZ=Europe/Paris"}, nil, []string{"TZ=Europe/Paris"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			base := slices.Clone(test.base)
			got := map[string]string{}
			for _, entry := range Environment(base, 3) {
				name, value, _ := strings.Cut(entry, "=")
				got[name] = value // as os/exec does
			}
			for _, name := range test.unset {
				if value, ok := got[name]; ok {
					t.Errorf("%s is %q, want it unset", name, value)
				}
			}
			for _, entry := range test.want {
				name, value, _ := strings.Cut(entry, "=")
				if got[name] != value {
					t.Errorf("%s is %q, want %q", name, got[name], value)
				}
			}
			if !slices.Equal(base, test.base) {
				t.Errorf("the base was changed to %q", base)
			}
		})
	}
}

func TestAtLeastOneThread(t *testing.T) {
	for _, threads := range []int{0, -1} {
		if env := Environment(nil, threads); !slices.Contains(env, "OMP_NUM_THREADS=1") {
			t.Errorf("for %d threads: %q", threads, env)
		}
	}
}
