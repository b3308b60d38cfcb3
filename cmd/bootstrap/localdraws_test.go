package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// slotsOf returns the draws of an environment whose slots draw these values.
func slotsOf(slots ...map[string]string) (all []slotDraws) {
	for i, draws := range slots {
		all = append(all, slotDraws{Slot: i, Draws: draws})
	}
	return all
}

func TestFindRepeated(t *testing.T) {
	type draws = map[string]string
	for name, row := range map[string]struct {
		environments [][]slotDraws
		want         []string // nil if nothing is repeated
	}{
		"none":            {nil, nil},
		"one environment": {[][]slotDraws{slotsOf(draws{"runif": "0.5"})}, nil},
		"different values": {[][]slotDraws{
			slotsOf(draws{"runif": "0.5", "tempfile": "filea", "tempdir": "/tmp/x/Rtmpa", "rand_bytes": "00/1"}),
			slotsOf(draws{"runif": "0.25", "tempfile": "fileb", "tempdir": "/tmp/x/Rtmpb", "rand_bytes": "01/1"}),
		}, nil},
		"slots of one environment": {[][]slotDraws{
			slotsOf(draws{"runif": "0.5"}, draws{"runif": "0.5"}), slotsOf(draws{"runif": "0.25"}),
		}, nil},
		"one value of two sources": {[][]slotDraws{slotsOf(draws{"runif": "1"}), slotsOf(draws{"rand_bytes": "1"})}, nil},
		"a number": {[][]slotDraws{
			slotsOf(draws{"runif": "0.5"}), slotsOf(draws{"runif": "0.25"}), slotsOf(draws{"runif": "0.5"}),
		}, []string{"environments 1, 3 draw 0.5 with runif()", "remove lambda_config(keep_seed = TRUE)"}},
		"in different slots": {[][]slotDraws{
			slotsOf(draws{"runif": "0.5"}, draws{"runif": "0.25"}), slotsOf(draws{"runif": "0.125"}, draws{"runif": "0.5"}),
		}, []string{"environments 1, 2 draw 0.5"}},
		"names in folders of their own": {[][]slotDraws{
			slotsOf(draws{"tempfile": "/tmp/1/filea", "tempdir": "/tmp/1/Rtmpa"}), slotsOf(draws{"tempfile": "/tmp/2/filea", "tempdir": "/tmp/2/Rtmpa"}),
		}, []string{"environments 1, 2 draw filea with tempfile()", "environments 1, 2 draw Rtmpa with tempdir()"}},
		"bytes": {[][]slotDraws{slotsOf(draws{"rand_bytes": "ab"}), slotsOf(draws{"rand_bytes": "ab"})},
			[]string{"draw ab with openssl::rand_bytes()"}},
		"another source": {[][]slotDraws{slotsOf(draws{"dqrng": "1"}), slotsOf(draws{"dqrng": "1"})},
			[]string{"draw 1 with dqrng; seed the generator in on_restore()"}},
		"an environment without draws": {[][]slotDraws{slotsOf(draws{"runif": "0.5"}), nil}, nil},
	} {
		err := findRepeated(row.environments)
		if (err == nil) != (row.want == nil) {
			t.Errorf("%s: got %v, want %q", name, err, row.want)
			continue
		}
		for _, want := range row.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q", name, err, want)
			}
		}
	}
}

func TestReadDraws(t *testing.T) {
	dir := t.TempDir()
	if got, err := readDraws(dir); got != nil || err != nil {
		t.Errorf("without a file: got %v, %v", got, err)
	}
	want := slotsOf(map[string]string{"runif": "0.5"}, map[string]string{"runif": "0.25"})
	for _, s := range want {
		if err := appendJSON(filepath.Join(dir, drawsFile), s); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := readDraws(dir); !reflect.DeepEqual(got, want) || err != nil {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if err := os.WriteFile(filepath.Join(dir, drawsFile), []byte(`{"slot": 1`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readDraws(dir); err == nil || !strings.Contains(err.Error(), drawsFile) {
		t.Errorf("of half a line: got %v", err)
	}
}
