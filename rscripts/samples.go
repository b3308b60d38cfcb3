package rscripts

import (
	"embed"
	"path"
	"regexp"
)

//go:embed tests/testthat/events/*.json
var events embed.FS

// A Sample is a sample event of a source.
type Sample struct {
	Source string // what sends such events, as docs/events.md names it
	Name   string
	Event  []byte
}

var (
	sampled = regexp.MustCompile(`title = "([^"]+)",\s+samples = (c\([^)]*\)|"[^"]*")`)
	quoted  = regexp.MustCompile(`"([^"]+)"`)
)

// Samples returns the sample events, in the order of sources/sources.R, which names them.
func Samples() (all []Sample) {
	text, err := files.ReadFile("sources/sources.R")
	if err != nil {
		panic(err) // the files are in the binary
	}
	for _, source := range sampled.FindAllSubmatch(text, -1) {
		for _, name := range quoted.FindAllSubmatch(source[2], -1) {
			event, err := events.ReadFile(path.Join("tests/testthat/events", string(name[1])+".json"))
			if err != nil {
				panic(err) // likewise
			}
			all = append(all, Sample{Source: string(source[1]), Name: string(name[1]), Event: event})
		}
	}
	return all
}
