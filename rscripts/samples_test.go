package rscripts

import (
	"encoding/json"
	"testing"
)

// Every sample event belongs to a source, and is JSON.
func TestSamples(t *testing.T) {
	entries, err := events.ReadDir("tests/testthat/events")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]bool{}
	for _, entry := range entries {
		files[entry.Name()] = true
	}
	for _, s := range Samples() {
		if s.Source == "" || !json.Valid(s.Event) {
			t.Errorf("the sample %q of %q is not JSON", s.Name, s.Source)
		}
		delete(files, s.Name+".json")
	}
	if len(files) > 0 {
		t.Errorf("no source names %v", files)
	}
}
