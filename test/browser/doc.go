// Package browser tests the console of bootstrap local in Chromium: make test-browser. Each test
// leaves a screenshot in bin/browser, and fails if the page requested something from elsewhere, or
// reported an error.
package browser
