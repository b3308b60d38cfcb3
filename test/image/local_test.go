//go:build image

package image

import (
	"strings"
	"testing"
)

// curl is curl in R, because the image has none. It asks 127.0.0.2, where only a server on all
// addresses listens.
const curl = `
body <- '{"number": 8}'
connection <- socketConnection("127.0.0.2", 8080, open = "r+b", blocking = TRUE, timeout = 30)
writeLines(c(
  "POST /2015-03-31/functions/function/invocations HTTP/1.0", paste("Content-Length:", nchar(body)), "", body
), connection, sep = "\r\n")
cat(suppressWarnings(readLines(connection)), sep = "\n")
`

// Without AWS's variables, the image serves the emulator on port 8080, to the outside.
func TestLocal(t *testing.T) {
	for _, args := range [][]string{nil, {"functions.parity"}} {
		options := append(rlimits(), "--network", "none", image) // with its own port 8080
		c := start(t, append(options, args...)...)
		c.waitFor(`functions\.parity is served on http://127\.0\.0\.1:8080`)
		if got := output(t, "exec", c.name, "Rscript", "-e", curl); !strings.HasSuffix(got, `{"parity":"even"}`) {
			t.Errorf("8 is %s", got)
		}
	}
}
