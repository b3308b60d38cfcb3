//go:build browser

package browser

import (
	"flag"
	"os"
	"testing"

	"github.com/chromedp/chromedp"
)

var picture = flag.String("picture", "", "write the picture of TestPicture to this file")

// make picture draws the console for the README: an answer with a plot, after some invocations.
func TestPicture(t *testing.T) {
	s := serveIn(t, "../../examples/http-api", "api.handle", "--http", "--concurrency", "2")
	p := openAs(s, look{width: 1200, height: 1320})
	p.wait(state(0, "ready", 0) + " && " + state(1, "ready", 0))
	request := func(path, n string) string {
		return `{"version": "2.0", "rawPath": "` + path + `", "rawQueryString": "n=` + n + `",
 "queryStringParameters": {"n": "` + n + `"}, "headers": {},
 "requestContext": {"domainName": "x.lambda-url.eu-central-1.on.aws", "http": {"method": "GET", "path": "` + path + `"}}}`
	}
	for _, n := range []string{"10", "100", "1000", "100000"} {
		s.invoke(request("/summary", n))
	}
	s.invoke(request("/plot", "50"))
	p.invoke(request("/plot", "500"))
	p.wait(`document.querySelector("#detail img.picture")?.naturalWidth > 0`)
	p.do(chromedp.Evaluate[chromedp.Void](`document.activeElement.blur(); scrollTo(0, 0); document.getElementById("window").value = "10";
		document.getElementById("window").dispatchEvent(new Event("change"))`))
	p.wait(`document.querySelectorAll(".lane .busy").length === 6 && document.querySelectorAll("#latency circle").length === 6`)
	shot, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if *picture == "" {
		return
	}
	if err := os.WriteFile(*picture, shot, 0o644); err != nil {
		t.Fatal(err)
	}
}
