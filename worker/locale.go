package worker

import (
	"os"
	"strings"
)

// localeFolder is where the C library has its locales.
const localeFolder = "/usr/lib/locale"

// locales holds the names of a system's locales in their canonical form. It is nil if they are not
// known.
type locales map[string]bool

// readLocales returns the locales of a folder. They are not known if it does not exist (musl has
// no such folder), or if it has an archive, whose format is the C library's own.
func readLocales(folder string) locales {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil
	}
	found := locales{}
	for _, entry := range entries {
		if entry.Name() == "locale-archive" {
			return nil
		}
		found[canonicalLocale(entry.Name())] = true
	}
	return found
}

// usable returns name, or C.UTF-8 if only that is installed. Without it R would warn at each
// start, and then use C, which garbles text.
func (l locales) usable(name string) string {
	switch canonical := canonicalLocale(name); canonical {
	case "", "c", "posix":
		return name
	default:
		if l[canonical] || !l["c.utf8"] {
			return name
		}
		return "C.UTF-8"
	}
}

// canonicalLocale returns a locale's name as the C library compares it: UTF-8 is utf8.
func canonicalLocale(name string) string {
	return strings.ToLower(strings.ReplaceAll(name, "-", ""))
}
