//go:build image

package image

import (
	"encoding/json"
	"image/png"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// The unchanged image serves the parity example.
func TestParity(t *testing.T) {
	startLambda(t, nil, image, "functions.parity").checkParity()
}

// One container meets all failures of a function. Each costs only its own invocation.
func TestFunction(t *testing.T) {
	f := startLambda(t, nil, build(t, "function"), "functions.handle")

	t.Run("limits", func(t *testing.T) {
		if got, want := f.result(`{"what": "write"}`), `[false,false,true,true]`; got != want {
			t.Errorf("of /var/task, /usr/lib/R, /tmp and tempdir() it can write %s, want %s", got, want)
		}
		if got, want := f.result(`{"what": "user"}`), `{"uid":"993","home":"/tmp"}`; got != want {
			t.Errorf("the user is %s, want %s", got, want)
		}
	})
	t.Run("packages", func(t *testing.T) {
		got := f.result(`{"what": "packages"}`)
		if strings.Count(got, "true") != 13 || strings.Contains(got, "false") {
			t.Errorf("of R's own packages these can be loaded: %s; want all 13, as tcltk is not here", got)
		}
		if got := f.result(`{"what": "fork"}`); got != `[1,4]` {
			t.Errorf("mclapply() gave %s", got)
		}
	})
	t.Run("plots", func(t *testing.T) { checkPlots(t, f) })
	t.Run("out of memory", func(t *testing.T) {
		if got := f.errorType(`{"what": "hoard"}`); got != "Runtime.OutOfMemory" {
			t.Errorf("the error is %s, want Runtime.OutOfMemory; the container printed:\n%s", got, f.output())
		}
		f.checkAnswers(t)
	})
	t.Run("killed while it runs", func(t *testing.T) {
		if got := f.errorType(`{"what": "kill"}`); got != "Runtime.WorkerCrashed" {
			t.Errorf("the error is %s, want Runtime.WorkerCrashed", got)
		}
		f.checkAnswers(t)
	})
	t.Run("killed while it is idle", func(t *testing.T) {
		pid := f.result(`{"what": "pid"}`)
		output(t, "exec", f.name, "sh", "-c", "kill -9 "+pid)
		if again := f.result(`{"what": "pid"}`); again == pid {
			t.Errorf("R %s was killed and still answers", pid)
		}
	})
}

// checkAnswers checks that the next invocation works.
func (f function) checkAnswers(t *testing.T) {
	t.Helper()
	if got := f.result(`{"what": "memory"}`); got != "true" {
		t.Errorf("the next invocation gave %s", got)
	}
}

// checkPlots checks that each device draws, and that it draws letters: without fonts there are
// boxes, which all look the same.
func checkPlots(t *testing.T, f function) {
	var sizes []float64
	if err := json.Unmarshal([]byte(f.result(`{"what": "devices"}`)), &sizes); err != nil {
		t.Fatal(err)
	}
	for _, size := range sizes {
		if size < 1000 {
			t.Errorf("the devices wrote %v bytes: one of them is not a plot", sizes)
			break
		}
	}
	thin, wide, bold := ink(t, f, "text=iiii"), ink(t, f, "text=MMMM"), ink(t, f, "text=MMMM&bold=yes")
	if !(0 < thin && 2*thin < wide && wide < bold) {
		t.Errorf("iiii takes %d dark pixels, MMMM %d, and bold %d: is there a font?", thin, wide, bold)
	}
	if umlaut, o := ink(t, f, "text="+url.QueryEscape("öööö")), ink(t, f, "text=oooo"); umlaut <= o {
		t.Errorf("öööö takes %d dark pixels, oooo %d: want more", umlaut, o)
	}
	if caches := output(t, "exec", f.name, "find", "/tmp", "-name", "*.cache-*"); caches != "" {
		t.Errorf("the image's cache of fonts is of no use, as R has made its own:\n%s", caches)
	}
}

// ink returns how many pixels of a picture are dark.
func ink(t *testing.T, f function, query string) int {
	t.Helper()
	a := f.call(http.MethodGet, "/picture?"+query, "")
	picture, err := png.Decode(strings.NewReader(a.Body))
	if err != nil {
		t.Fatalf("picture of %s: status %d, %v: %.300s", query, a.Status, err, a.Body)
	}
	dark := 0
	for y := range picture.Bounds().Dy() {
		for x := range picture.Bounds().Dx() {
			if red, _, _, _ := picture.At(x, y).RGBA(); red < 0x8000 {
				dark++
			}
		}
	}
	return dark
}
