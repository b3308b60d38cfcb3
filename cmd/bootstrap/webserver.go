package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// setHandler sets the handler: one word names a function or a file, several are the command of a web server.
func (s *settings) setHandler(words []string) {
	switch {
	case len(words) > 1:
		s.handler, s.command, s.detected = strings.Join(words, " "), words, "the handler has several words"
	case len(words) == 1:
		s.handler = words[0]
	}
	if s.command == nil && strings.EqualFold(filepath.Ext(s.handler), ".R") {
		if call := startsServer(filepath.Join(s.taskRoot, s.handler)); call != "" {
			s.command = []string{"Rscript", s.handler}
			s.detected = s.handler + " has no plumber annotations and calls " + call
		}
	}
}

var (
	// annotation matches what makes a file a plumber API: rscripts/http/plumber.R, has_annotations().
	annotation = regexp.MustCompile(`(?m)^#[*'][ \t]*@(get|put|post|use|delete|head|options|patch|filter|assets|plumber)\b`)

	// serverCall matches the calls that start a server and do not return.
	serverCall = regexp.MustCompile(`(?m)^[^#\n]*?(\b(?:httpuv::)?runServer|\bstartServer|\b(?:plumber::)?pr_run|\b(?:plumber2::)?api_run|` +
		`\b(?:shiny::)?runApp|\bshinyApp|\$(?:run|start|ignite))\s*\(`)
)

// startsServer returns the call in an R file that starts a web server, or "". A file with plumber
// annotations is served in the worker itself.
func startsServer(path string) (call string) {
	text, err := os.ReadFile(path)
	if err != nil || annotation.Match(text) {
		return "" // loading the handler reports the error
	}
	if match := serverCall.FindSubmatch(text); match != nil {
		return string(match[1]) + "()"
	}
	return ""
}
