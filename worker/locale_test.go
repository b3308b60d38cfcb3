package worker

import (
	"os"
	"path/filepath"
	"testing"
)

// A locale that is not installed is replaced only where C.UTF-8 is known to be there.
func TestLocale(t *testing.T) {
	for _, row := range []struct {
		installed []string
		set, want string
	}{
		{[]string{"C.utf8"}, "en_US.UTF-8", "C.UTF-8"},
		{[]string{"C.UTF-8"}, "en_US.UTF-8", "C.UTF-8"}, // Debian 11
		{[]string{"C.utf8"}, "de_DE@euro", "C.UTF-8"},
		{[]string{"C.utf8"}, "C.UTF-8", "C.UTF-8"},
		{[]string{"C.utf8"}, "C.utf8", "C.utf8"},
		{[]string{"C.utf8"}, "C", "C"},
		{[]string{"C.utf8"}, "POSIX", "POSIX"},
		{[]string{"C.utf8"}, "", ""},
		{[]string{"C.utf8", "en_US.utf8"}, "en_US.UTF-8", "en_US.UTF-8"},
		{[]string{"C.utf8", "locale-archive"}, "en_US.UTF-8", "en_US.UTF-8"},
		{[]string{"en_GB.utf8"}, "en_US.UTF-8", "en_US.UTF-8"},
		{nil, "en_US.UTF-8", "en_US.UTF-8"},
	} {
		folder := t.TempDir()
		for _, name := range row.installed {
			if err := os.Mkdir(filepath.Join(folder, name), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if got := readLocales(folder).usable(row.set); got != row.want {
			t.Errorf("of %q, %q becomes %q, want %q", row.installed, row.set, got, row.want)
		}
	}
	if got := readLocales("/not/there").usable("en_US.UTF-8"); got != "en_US.UTF-8" {
		t.Errorf("without a folder of locales, en_US.UTF-8 becomes %q", got)
	}
}
