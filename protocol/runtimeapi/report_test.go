package runtimeapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/quick"
	"time"
	"unicode/utf8"

	"lambda-r-runtime/protocol/runtimeapi"
)

const (
	maxBody      = 256 << 10 // bytes
	maxCause     = 1<<20 - 1
	maxException = 60 << 10
)

type errorJSON struct {
	Message string   `json:"errorMessage"`
	Type    string   `json:"errorType"`
	Stack   []string `json:"stackTrace"`
}

type causeJSON struct {
	WorkingDirectory string `json:"working_directory"`
	Exceptions       []struct {
		Type    string `json:"type"`
		Message string `json:"message"`
		Stack   []struct {
			Path  string `json:"path"`
			Line  int    `json:"line"`
			Label string `json:"label"`
		} `json:"stack"`
	} `json:"exceptions"`
	Paths []string `json:"paths"`
}

// strict decodes JSON that has v's fields and no others.
func strict(t *testing.T, text []byte, v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("%v in %.200q", err, text)
	}
	if d.More() {
		t.Fatalf("more than one value in %.200q", text)
	}
}

var stack = []runtimeapi.StackFrame{
	{Label: "handler(event)", Path: "app.R", Line: 3},
	{Label: "f(x)", Path: "app.R", Line: 7},
	{Label: `stop("bad")`},
}

func TestBody(t *testing.T) {
	const message = `100%s of %d {x} <>&é "q" \ ` + "\n\t\x01"
	r := runtimeapi.ErrorReport{Type: "simpleError", Message: message, Stack: stack}
	var got errorJSON
	strict(t, r.Body(), &got)
	want := errorJSON{message, "simpleError", []string{"handler(event) (app.R:3)", "f(x) (app.R:7)", `stop("bad")`}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if !bytes.Contains(r.Body(), []byte("<>&é")) {
		t.Errorf("<, > and & are to be themselves in %s", r.Body())
	}
}

func TestBodyWithoutAStackHasAnEmptyOne(t *testing.T) {
	body := (&runtimeapi.ErrorReport{}).Body()
	if want := `{"errorMessage":"","errorType":"","stackTrace":[]}`; string(body) != want {
		t.Errorf("got %s, want %s", body, want)
	}
}

// hugeReports are reports over every limit.
func hugeReports() map[string]runtimeapi.ErrorReport {
	manyFrames := make([]runtimeapi.StackFrame, 50_000)
	manyPaths := make([]runtimeapi.StackFrame, 2_000)
	for i := range manyFrames {
		manyFrames[i] = runtimeapi.StackFrame{Label: fmt.Sprintf("f%d(x)", i), Path: "app.R", Line: i}
	}
	for i := range manyPaths {
		manyPaths[i] = runtimeapi.StackFrame{Label: "f(x)", Path: fmt.Sprintf("/var/task/lib/%0100d.R", i), Line: i}
	}
	return map[string]runtimeapi.ErrorReport{
		"message":           {Type: "e", Message: strings.Repeat("x", 10<<20), Stack: stack},
		"é":                 {Type: "e", Message: strings.Repeat("é", 1<<20), Stack: stack},
		"x and é":           {Type: "e", Message: "x" + strings.Repeat("é", 1<<20), Stack: stack},
		"beyond 16 bits":    {Type: "e", Message: "x" + strings.Repeat("🙂", 1<<20), Stack: stack},
		"control":           {Type: "e", Message: strings.Repeat("\x01", 1<<20), Stack: stack},
		"not UTF-8":         {Type: "e", Message: strings.Repeat("\xff", 1<<20), Stack: stack},
		"type":              {Type: strings.Repeat("é", 1<<20), Message: "m", Stack: stack},
		"many frames":       {Type: "e", Message: "m", Stack: manyFrames},
		"many paths":        {Type: "e", Message: "m", Stack: manyPaths},
		"one large frame":   {Type: "e", Message: "m", Stack: []runtimeapi.StackFrame{{Label: strings.Repeat("f", 1<<20)}}},
		"one long path":     {Type: "e", Message: "m", Stack: []runtimeapi.StackFrame{{Label: "f", Path: strings.Repeat("p", 1<<20)}}},
		"all of it at once": {Type: strings.Repeat("t", 1<<20), Message: strings.Repeat("m", 1<<20), Stack: manyPaths},
	}
}

// within fails the test if f, which only computes, does not return.
func within[T any](t *testing.T, f func() T) T {
	t.Helper()
	result := make(chan T, 1)
	go func() { result <- f() }() // waited for below
	select {
	case v := <-result:
		return v
	case <-time.After(10 * time.Second):
		t.Fatal("does not end")
		panic("unreachable")
	}
}

func TestBodyFits(t *testing.T) {
	for name, r := range hugeReports() {
		t.Run(name, func(t *testing.T) {
			body := within(t, r.Body)
			if len(body) > maxBody {
				t.Errorf("the body has %d bytes", len(body))
			}
			var got errorJSON
			strict(t, body, &got)
			checkCut(t, "message", got.Message, r.Message)
			checkCut(t, "type", got.Type, r.Type)
			checkInnerEnd(t, got.Stack, r.Stack, func(f runtimeapi.StackFrame) string { return f.String() })
		})
	}
}

// checkCut checks that got is want, or its beginning up to a character's end and a mark.
func checkCut(t *testing.T, what, got, want string) {
	t.Helper()
	if got == want || !utf8.ValidString(want) {
		return
	}
	beginning, cut := strings.CutSuffix(got, " … (cut)")
	if !cut || !strings.HasPrefix(want, beginning) || strings.ContainsRune(beginning, utf8.RuneError) {
		t.Errorf("the %s became %.40q … %q", what, got, got[max(0, len(got)-40):])
	}
}

// checkInnerEnd checks that the rest of a stack is its inner end.
func checkInnerEnd[F any](t *testing.T, got []F, want []runtimeapi.StackFrame, as func(runtimeapi.StackFrame) F) {
	t.Helper()
	if len(got) > len(want) {
		t.Fatalf("%d frames became %d", len(want), len(got))
	}
	for i, f := range want[len(want)-len(got):] {
		if !reflect.DeepEqual(as(f), got[i]) {
			t.Fatalf("frame %d of the last %d is %+v, want %+v", i, len(got), got[i], as(f))
		}
	}
}

// A long stack is shortened and not dropped, and a long message does not displace the stack.
func TestSomeOfTheStackIsKept(t *testing.T) {
	for _, name := range []string{"message", "é", "beyond 16 bits", "control", "many frames", "many paths"} {
		t.Run(name, func(t *testing.T) {
			r := hugeReports()[name]
			var body errorJSON
			strict(t, within(t, r.Body), &body)
			if len(body.Stack) == 0 {
				t.Error("the body has no stack")
			}
			var cause causeJSON
			strict(t, []byte(within(t, r.XRayCause)), &cause)
			if len(cause.Exceptions[0].Stack) == 0 {
				t.Error("the X-Ray cause has no stack")
			}
		})
	}
}

func TestXRayCause(t *testing.T) {
	const message = "é 🙂 \x7f \x01 \n \u2028 <>& 100%s"
	r := runtimeapi.ErrorReport{Type: "http_error", Message: message, Stack: stack}
	cause := r.XRayCause()
	checkHeaderValue(t, cause)
	if strings.Contains(cause, "\x7f") || !strings.Contains(strings.ToLower(cause), `\u007f`) {
		t.Errorf("DEL is to be escaped in %s", cause)
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(map[string]any{
		"working_directory": dir,
		"exceptions": []any{map[string]any{
			"type":    "http_error",
			"message": message,
			"stack": []any{
				map[string]any{"path": "app.R", "line": 3, "label": "handler(event)"},
				map[string]any{"path": "app.R", "line": 7, "label": "f(x)"},
				map[string]any{"path": "", "line": 0, "label": `stop("bad")`},
			},
		}},
		"paths": []string{"app.R"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got, want any
	strict(t, []byte(cause), &got)
	strict(t, encoded, &want)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestXRayCauseWithoutAStackHasEmptyLists(t *testing.T) {
	cause := (&runtimeapi.ErrorReport{}).XRayCause()
	if !strings.Contains(cause, `"stack":[]`) || !strings.Contains(cause, `"paths":[]`) {
		t.Errorf("got %s", cause)
	}
}

func TestXRayCauseFits(t *testing.T) {
	for name, r := range hugeReports() {
		t.Run(name, func(t *testing.T) {
			cause := within(t, r.XRayCause)
			if len(cause) > maxException {
				t.Errorf("the cause has %d bytes", len(cause))
			}
			checkHeaderValue(t, cause)
			var got causeJSON
			strict(t, []byte(cause), &got)
			if len(got.Exceptions) != 1 {
				t.Fatalf("%d exceptions", len(got.Exceptions))
			}
			checkCut(t, "message", got.Exceptions[0].Message, r.Message)
			checkCut(t, "type", got.Exceptions[0].Type, r.Type)
		})
	}
}

// widestReport returns a report whose X-Ray cause has exactly maxCause bytes, if the last cause is kept.
func widestReport() *runtimeapi.ErrorReport {
	wide := func(length int) *runtimeapi.ErrorReport {
		return &runtimeapi.ErrorReport{Type: "e", Stack: []runtimeapi.StackFrame{{Label: strings.Repeat("f", length)}}}
	}
	r := &runtimeapi.ErrorReport{Type: "e", Message: "m", Stack: stack}
	for range 9 {
		r.Causes = append(r.Causes, wide(100_000))
	}
	length := len(r.XRayCause())
	r.Causes = append(r.Causes, wide(0))
	empty := len(r.XRayCause()) - length
	r.Causes[9] = wide(maxCause - length - empty)
	return r
}

// Causes are sent up to the limit. Beyond it, the last is dropped and no other.
func TestXRayCauseSendsCausesUpToItsLimit(t *testing.T) {
	for _, test := range []struct{ more, exceptions int }{{0, 11}, {1, 10}} {
		r := widestReport()
		r.Causes[9].Stack[0].Label += strings.Repeat("f", test.more)
		text := r.XRayCause()
		if test.more == 0 && len(text) != maxCause {
			t.Errorf("the cause has %d bytes, want %d", len(text), maxCause)
		}
		var cause causeJSON
		strict(t, []byte(text), &cause)
		if len(cause.Exceptions) != test.exceptions || cause.Exceptions[0].Message != "m" {
			t.Errorf("with %d bytes more there are %d exceptions, want %d", test.more, len(cause.Exceptions), test.exceptions)
		}
	}
}

// checkHeaderValue checks that net/http would send s.
func checkHeaderValue(t *testing.T, s string) {
	t.Helper()
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			t.Fatalf("byte %d is %#x", i, s[i])
		}
	}
}

// Any report that R may cause can be sent.
func TestAnyReportCanBeSent(t *testing.T) {
	sendable := func(errorType, message, label, path string, line int) bool {
		r := runtimeapi.ErrorReport{
			Type:    errorType,
			Message: message,
			Stack:   []runtimeapi.StackFrame{{Label: label, Path: path, Line: line}},
		}
		cause := r.XRayCause()
		checkHeaderValue(t, cause)
		var body errorJSON
		strict(t, r.Body(), &body)
		var decoded causeJSON
		strict(t, []byte(cause), &decoded)
		return utf8.Valid(r.Body()) && body.Message == message && decoded.Exceptions[0].Message == message
	}
	if err := quick.Check(sendable, &quick.Config{MaxCount: 2000}); err != nil {
		t.Error(err)
	}
}

var headerType = regexp.MustCompile(`\A(Runtime|Function)\.[A-Z][a-zA-Z]+\z`)

func TestHeaderType(t *testing.T) {
	for given, want := range map[string]string{
		"simpleError":                   "Function.SimpleError",
		"http_error":                    "Function.HttpError",
		"rlang_error":                   "Function.RlangError",
		"vctrs_error_cast_lossy":        "Function.VctrsErrorCastLossy",
		"dplyr:::mutate.error":          "Function.DplyrMutateError",
		"HTTPError":                     "Function.HTTPError",
		"http2Error":                    "Function.HttpError",
		"Runtime.NoSuchHandler":         "Runtime.NoSuchHandler",
		"Function.ResponseSizeTooLarge": "Function.ResponseSizeTooLarge",
		"Runtime.noSuchHandler":         "Function.RuntimeNoSuchHandler",
		"Runtime.A":                     "Function.RuntimeA",
		"Extension.Crash":               "Function.ExtensionCrash",
		"":                              "Function.Error",
		"1":                             "Function.Error",
		"e":                             "Function.Error",
		"...":                           "Function.Error",
		"ошибка":                        "Function.Error",
		"erreur_é":                      "Function.Erreur",
		"a\r\nX: y":                     "Function.AXY",
		"Runtime.Bad\r\nX: y":           "Function.RuntimeBadXY",
		"Runtime.Bad\n":                 "Function.RuntimeBad",
	} {
		if got := (&runtimeapi.ErrorReport{Type: given}).HeaderType(); got != want {
			t.Errorf("%q: got %q, want %q", given, got, want)
		}
	}
}

// An R class may be long; a header may not.
func TestHeaderTypeIsShort(t *testing.T) {
	long := strings.Repeat("veryLong", 1<<17)
	for _, given := range []string{long, "Function.V" + long, "Runtime.V" + long} {
		got := (&runtimeapi.ErrorReport{Type: given}).HeaderType()
		if len(got) > 200 || !headerType.MatchString(got) {
			t.Errorf("%.20q…: got %.40q… of %d bytes", given, got, len(got))
		}
	}
}

func FuzzHeaderType(f *testing.F) {
	for _, seed := range []string{"", "1", "simpleError", "Runtime.NoSuchHandler", "Function.", "é", "a\r\nX: y", "\xff", "a\x00b", strings.Repeat("_a", 500)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, given string) {
		if got := (&runtimeapi.ErrorReport{Type: given}).HeaderType(); !headerType.MatchString(got) {
			t.Errorf("%q: got %q", given, got)
		}
	})
}

// net/http refuses to send an invalid header, so this sends them all.
func TestNastyReportArrives(t *testing.T) {
	api := newFakeAPI(t, status(http.StatusAccepted, ""))
	r := &runtimeapi.ErrorReport{Type: "a\r\nX-Injected: y", Message: "\x7f\r\nX-Injected: y é\xff", Stack: stack}
	if err := newClient(t, api.address).InvocationError(t.Context(), &runtimeapi.Invocation{ID: "id"}, r); err != nil {
		t.Fatal(err)
	}
	if got := api.last(t).header.Values("X-Injected"); got != nil {
		t.Errorf("a header was injected: %q", got)
	}
}
