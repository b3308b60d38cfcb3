package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"lambda-r-runtime/protocol"
)

// readDraws reads what the slots of an environment would draw, from its temporary folder. Slots
// whose worker was replaced at the restore are missing.
func readDraws(dir string) ([]slotDraws, error) {
	f, err := os.Open(filepath.Join(dir, drawsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	defer f.Close() // it was only read
	var slots []slotDraws
	for decoder := json.NewDecoder(f); ; {
		var s slotDraws
		if err := decoder.Decode(&s); errors.Is(err, io.EOF) {
			return slots, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
		slots = append(slots, s)
	}
}

// readyOf returns what a worker reported when it became ready.
func readyOf(environments [][]slotDraws) protocol.Ready {
	for _, slots := range environments {
		for _, s := range slots {
			return s.Ready
		}
	}
	return protocol.Ready{} // all of them were replaced at the restore
}

// A repeatedError reports values that several environments would draw.
type repeatedError struct {
	values []repeatedValue
}

// A repeatedValue is a value that several environments would draw.
type repeatedValue struct {
	source, value string
	environments  []int // counted from 1 on
}

// sources are the keys of protocol.Entered.Draws, with the call that draws and the likely fix.
var sources = map[string]struct{ call, fix string }{
	"runif": {"runif()", "the random seed is in the snapshot: remove lambda_config(keep_seed = TRUE), " +
		"or draw another seed with set.seed() in on_restore()"},
	"tempfile":   {"tempfile()", "names that were made before the snapshot repeat: make them in the handler or in on_restore()"},
	"tempdir":    {"tempdir()", "names that were made before the snapshot repeat: make them in the handler or in on_restore()"},
	"rand_bytes": {"openssl::rand_bytes()", "keys and tokens of all environments repeat: reseed the generator in on_restore()"},
}

func (e *repeatedError) Error() string {
	var b strings.Builder
	b.WriteString("environments that were restored from one snapshot draw the same values:")
	for _, v := range e.values {
		numbers := strings.ReplaceAll(strings.Trim(fmt.Sprint(v.environments), "[]"), " ", ", ")
		s, ok := sources[v.source]
		if !ok {
			s.call, s.fix = v.source, "seed the generator in on_restore()"
		}
		fmt.Fprintf(&b, "\n  environments %s draw %s with %s; %s", numbers, v.value, s.call, s.fix)
	}
	return b.String()
}

// findRepeated returns a *repeatedError if environments draw the same values, or nil. Slots of one
// environment may draw the same ones. Names of files and folders count without their folder:
// environments do not share a file system, but such names also become keys.
func findRepeated(environments [][]slotDraws) error {
	type draw struct{ source, value string }
	drawnBy := map[draw][]int{}
	for i, slots := range environments {
		for _, s := range slots {
			for source, value := range s.Draws {
				if source == "tempfile" || source == "tempdir" {
					value = path.Base(value)
				}
				d := draw{source, value}
				if number := i + 1; !slices.Contains(drawnBy[d], number) {
					drawnBy[d] = append(drawnBy[d], number)
				}
			}
		}
	}
	var repeated []repeatedValue
	for d, numbers := range drawnBy {
		if len(numbers) > 1 {
			repeated = append(repeated, repeatedValue{d.source, d.value, numbers})
		}
	}
	if len(repeated) == 0 {
		return nil
	}
	slices.SortFunc(repeated, func(a, b repeatedValue) int {
		return strings.Compare(a.source+" "+a.value, b.source+" "+b.value)
	})
	return &repeatedError{repeated}
}
