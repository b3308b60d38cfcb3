package rvalue

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// More documents are a matter of minutes: `make property`.
var documents = flag.Int("rvalue.documents", 600, "how many random documents to compare")
var seed = flag.Uint64("rvalue.seed", 1, "the seed of the random documents")

// A comparer is an R that compares what Decode makes of documents with what rscripts/json makes
// of them.
type comparer struct {
	stdin   *bufio.Writer
	replies *bufio.Reader
}

func newComparer(t *testing.T) *comparer {
	t.Helper()
	if testing.Short() {
		t.Skip("needs R")
	}
	cmd := exec.Command("Rscript", "--vanilla", "testdata/compare.R")
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "LANGUAGE=en")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stdin.Close(); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	return &comparer{bufio.NewWriter(stdin), bufio.NewReader(stdout)}
}

// compare returns "same", "left", or how the values of R and of Decode differ.
func (c *comparer) compare(t *testing.T, json []byte, simplify bool) string {
	t.Helper()
	var decoded bytes.Buffer
	if v := Decode(json, simplify, true); v != nil {
		n, err := v.WriteTo(&decoded)
		if err != nil || n != v.Size() || n != int64(decoded.Len()) {
			t.Fatalf("wrote %d of %d bytes, size %d, %v: %s", decoded.Len(), n, v.Size(), err, json)
		}
	}
	for _, frame := range [][]byte{json, []byte(strconv.FormatBool(simplify)), decoded.Bytes()} {
		c.stdin.Write(binary.BigEndian.AppendUint32(nil, uint32(len(frame))))
		c.stdin.Write(frame)
	}
	if err := c.stdin.Flush(); err != nil {
		t.Fatal(err)
	}
	line, err := c.replies.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// want fails the test unless the document compares as wanted.
func (c *comparer) want(t *testing.T, want, json string) {
	t.Helper()
	for _, simplify := range []bool{true, false} {
		if got := c.compare(t, []byte(json), simplify); got != want {
			t.Errorf("simplify %t: %s, want %s: %.2000s", simplify, got, want, json)
		}
	}
}

func TestRandomDocuments(t *testing.T) {
	c := newComparer(t)
	r := rand.New(rand.NewPCG(*seed, 0))
	left := 0
	for i := range *documents {
		json := randomDocument(r)
		got := c.compare(t, []byte(json), i%4 > 0)
		if got == "left" {
			left++
		} else if got != "same" {
			t.Errorf("%s: %.2000s", got, json)
		}
	}
	if left > *documents/3 {
		t.Errorf("%d of %d documents were left to R", left, *documents)
	}
}

func TestSampleEvents(t *testing.T) {
	c := newComparer(t)
	paths, err := filepath.Glob("../../rscripts/tests/testthat/events/*.json")
	if err != nil || len(paths) < 20 {
		t.Fatalf("%d sample events, %v", len(paths), err)
	}
	for _, path := range paths {
		event, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, simplify := range []bool{true, false} {
			if got := c.compare(t, event, simplify); got != "same" {
				t.Errorf("%s, simplify %t: %s", path, simplify, got)
			}
		}
	}
}

func TestDocuments(t *testing.T) {
	c := newComparer(t)
	for _, json := range []string{
		`1`, `-2.5e3`, `"x"`, ` "\u00e9" `, `null`, `true`, `1e400`, `[]`, `{}`, `[[]]`, `[{}]`, `[{},{}]`, `[null]`, `[null,null]`, `[{},null]`, `[[],null]`, `[[],{}]`, `{"a":null}`,
		`[1,2]`, `[1,2.5]`, `[true,1]`, `[true,null]`, `[true,"a"]`, `[1,"a",null,2.50,1e5,100000,true]`,
		`[2147483647,-2147483647]`, `[2147483648]`, `[-2147483648]`, `[9007199254740993]`, `["a",9007199254740991]`,
		`[9007199254740993,"a",123456789012345678,0.1,1e15,1e-5,1E+300,123456.789e3,12345678901234567890]`,
		`[9223372036854775807,9223372036854775808,-9223372036854775809]`, `[-0]`, `[-0.0]`, `[-0,"a",-0.0]`, `[1e400]`, `[-1e400,1]`,
		`[1e-400,5e-324,1.7976931348623157e308]`, `["NA","Inf",null]`, `[0.30000000000000004,"x",1e22,1e21,99999999999999.95]`,
		`["\u00e9","é","\ud83d\ude00","\"\\\/\b\f\n\r\t","\u007f"]`, `[" ","",null]`,
		`[[1,2],[3,4]]`, `[[1,2],[3]]`, `[[1,2],["a",null]]`, `[[true,2],["a","b"]]`, `[[[true,2],[1,1]],[["a","b"],["c","d"]]]`,
		`[[true,false],["a","b"]]`, `[[[true],["x"]],[[1],[2]]]`, `[[[1,2],[3,4]],[[5,6],[7,8]]]`, `[[[1,2],[3,4]],[[5,6]]]`,
		`[[[[1,2.5]],[[3,null]]],[[[5,6]],[[7,true]]]]`, `[[1],[]]`, `[[],["a"]]`, `[[1],[],"x"]`, `["x",[],[2]]`, `[[null],[]]`, `[1,[]]`,
		`[[[1,2]],[]]`, `[[],[{"a":1}]]`, `[[],[{}]]`, `[[{"a":1}],[{"b":[1]}],[]]`, `[[],null]`, `[[],[1],null]`, `[{"a":[]},{"a":[{"b":1}]}]`,
		`[{"a":1,"b":"x"},{"a":2.5}]`, `[{"b":1},{"a":2},null,{"c":[1,2]}]`, `[{"a":1,"a":2,"b":3},{"b":4}]`, `{"a":1,"a":2}`,
		`[{"a":{"b":1}},{"a":{"c":2}},{"a":null},{}]`, `[{"a":{}},{"a":[]}]`, `[{"a":{}},{"a":{}}]`, `[{"a":[1,2]},{"a":[3,4]}]`,
		`[{"a":[[1,2],[3,4]]},{"a":[1]}]`, `[{"a":[{"b":1}]},{"a":[]},{"a":null}]`, `[{"a":{"b":{"c":[1,2]}}},{"a":{"b":{"c":[]}}}]`,
		`[{"a":[]},{"a":[1]},{}]`, `[{"a":1},{"a":[1]}]`, `[{"a":1},{"a":{"b":1}}]`, `[{"a":1},{"a":"x"},{"a":100000},{"a":true}]`,
		`[{"":1,"$row":2,"_row":"a","names":1,"NA":1}]`, `{"":{"":[{"":1}]}}`, `[{"\u0061":1},{"a":2},{"a\\":3},{"a\n":4}]`, `[{"a\n":1},{"a\n":2}]`,
		`[{"a":1},1]`, `[{"a":1},"x",null,[]]`, `[1,[2,3]]`, `["x",[2,3],{"a":[]}]`, ` { "a" : [ 1 , 2 ] , "b" : { } } `, "\t[\r\n1]\n",
		strings.Repeat("[", 401) + strings.Repeat("]", 401), strings.Repeat(`[{"a":`, 200) + "1" + strings.Repeat("}]", 200),
		`{"a":[{"b":[[1,2],[3,4]]}],"c":[[{"d":1}],[{"d":2}]]}`, `[[{"a":1},{"a":2}],[{"a":3}]]`,
	} {
		c.want(t, "same", json)
	}
}

func TestDocumentsThatAreLeftToR(t *testing.T) {
	c := newComparer(t)
	for _, json := range []string{
		``, ` `, `nul`, `"x`, `[1`, `[1,]`, `[,1]`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`, `[1]]`, `[1] x`, `{"a":1}{}`, `[01]`, `[1.]`, `[.5]`,
		`[+1]`, `[-]`, `[1e]`, `[tru]`, `[nul`, `["a]`, `["\x"]`, `["\u12"]`, `["\u00zz"]`, `["\u0000"]`, `["\ud800"]`, `["\ud800\u0041"]`, `["\udc00"]`,
		"[\"\t\"]", "[\"\xff\"]", "[\"\xed\xa0\x80\"]", "\ufeff[1]", "[1]\x00", "[1]\v", `["\ud83d`, `["\`, `["\u`, `[NaN]`, `[Infinity]`,
		strings.Repeat("[", 402) + strings.Repeat("]", 402), strings.Repeat("[", 100_000), strings.Repeat(`{"a":`, 100_000),
	} {
		c.want(t, "left", json)
	}
	for _, json := range []string{`[1e400,"a"]`, `[{"a":1e400},{"a":"x"}]`, `[[1e400],["a"]]`} {
		if got := c.compare(t, []byte(json), true); got != "left" {
			t.Errorf("%s, want left: %s", got, json)
		}
	}
}

func TestBodies(t *testing.T) {
	c := newComparer(t)
	const context = `"requestContext":{"http":{}},`
	body := `[` + strings.Repeat(`{\"id\":1,\"name\":\"\\u00e9\"},`, 2000) + `{}]`
	for _, event := range []string{
		`{` + context + `"body":"[1,2]"}`, `{` + context + `"body":" {\"a\":1}"}`, `{` + context + `"body":"` + body + `"}`,
		`{"body":"` + body + `","isBase64Encoded":false,"raw_path":"/"}`,
	} {
		if v := Decode([]byte(event), true, true); v == nil || v.body == nil {
			t.Errorf("the body was not decoded: %.100s", event)
		}
		if v := Decode([]byte(event), true, false); v == nil || v.body != nil {
			t.Errorf("the body was decoded: %.100s", event)
		}
		c.want(t, "same", event)
	}
	for _, event := range []string{
		`{"body":"[1,2]"}`, // no request
		`{` + context + `"body":"1"}`, `{` + context + `"body":""}`, `{` + context + `"body":"[1,2"}`,
		`{` + context + `"body":"` + body + `]"}`, `{` + context + `"body":"` + strings.Repeat("x", 2000) + `"}`,
		`{` + context + `"body":` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + `}`,
		`{` + context + `"body":"[` + strings.Repeat(`[{\"a\":1}],`, 90_000) + `1]"}`, // too much work
	} {
		if v := Decode([]byte(event), true, true); v == nil || v.body != nil {
			t.Errorf("the body was decoded, or the event was not: %.100s", event)
		}
		c.want(t, "same", event)
	}
}

// TestMemoryOfManyFrames checks that the cost of a data frame does not grow with the keys of the whole
// document.
func TestMemoryOfManyFrames(t *testing.T) {
	var event strings.Builder
	event.WriteString(`{"k":{`)
	for i := range 16_000 {
		fmt.Fprintf(&event, `"%d":1,`, i)
	}
	event.WriteString(`"x":1},"f":[` + strings.Repeat(`[{}],`, 70_000) + `1]}`)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if Decode([]byte(event.String()), true, true) == nil {
		t.Fatal("the event was left to R")
	}
	runtime.ReadMemStats(&after)
	if mb := (after.TotalAlloc - before.TotalAlloc) >> 20; mb > 50 {
		t.Errorf("Decode allocated %d MB for %d kB", mb, event.Len()>>10)
	}
}

// randomDocument returns JSON with arrays, matrices and records of all kinds.
func randomDocument(r *rand.Rand) string {
	var b strings.Builder
	g := generator{Rand: r, b: &b}
	g.names = g.IntN(5)
	g.container(1 + g.IntN(5))
	return b.String()
}

type generator struct {
	*rand.Rand
	b     *strings.Builder
	names int // which keys the document has
}

func pick[T any](g generator, of ...T) T { return of[g.IntN(len(of))] }

func (g generator) value(depth int) {
	if depth <= 0 || g.IntN(3) == 0 {
		g.scalar()
	} else {
		g.container(depth)
	}
}

func (g generator) container(depth int) {
	n := g.IntN(5)
	switch g.IntN(6) {
	case 0:
		g.object(depth, g.keys(n))
	case 1: // alike records
		keys := g.keys(n)
		g.array(1+g.IntN(4), func() {
			if g.IntN(12) == 0 {
				g.b.WriteString("null")
			} else {
				g.object(depth-1, keys)
			}
		})
	case 2: // records
		g.array(1+g.IntN(4), func() { g.object(depth-1, g.keys(g.IntN(4))) })
	case 3: // a vector, or a matrix
		scalar := pick(g, g.scalar, g.number, g.text)
		g.matrix(pick(g, []int{n}, []int{n, 2}, []int{2, n}, []int{1, 2, n}), scalar)
	case 4: // elements that are the same
		var element strings.Builder
		same := g
		same.b = &element
		same.value(depth - 1)
		g.array(n, func() { g.b.WriteString(element.String()) })
	default:
		g.array(n, func() { g.value(depth - 1) })
	}
}

func (g generator) matrix(dims []int, scalar func()) {
	if len(dims) == 0 {
		scalar()
		return
	}
	g.array(dims[0], func() { g.matrix(dims[1:], scalar) })
}

func (g generator) array(n int, element func()) {
	g.b.WriteString("[" + g.space())
	for i := range n {
		if i > 0 {
			g.b.WriteString("," + g.space())
		}
		element()
	}
	g.b.WriteString("]")
}

func (g generator) object(depth int, keys []string) {
	g.b.WriteString("{")
	for i, key := range keys {
		if i > 0 {
			g.b.WriteString("," + g.space())
		}
		g.b.WriteString(key + ":")
		g.value(depth - 1)
	}
	g.b.WriteString("}" + g.space())
}

func (g generator) space() string { return pick(g, "", "", "", "", " ", "\n\t") }

func (g generator) keys(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = pick(g, `"a"`, `"b"`, `"c"`, `"d"`, `"e"`, `"f"`, `"g"`, `"h"`)
		if g.names == 0 {
			keys[i] = pick(g, keys[i], `""`, `"\u0061"`, `"é"`, `"\u00e9"`, `"$row"`, `"_row"`, `"a\\"`, `"a\""`, `"NA"`, `"names"`, `"body"`)
		}
	}
	return keys
}

func (g generator) scalar() { pick(g, g.number, g.number, g.text, g.literal)() }

func (g generator) literal() { g.b.WriteString(pick(g, "null", "null", "true", "false")) }

func (g generator) number() {
	g.b.WriteString(pick(g,
		"0", "-0", "1", "-1", "100000", "2147483647", "2147483648", "-2147483648", "1.5", "-0.0", "1e5", "1E-7", "0.1",
		"9007199254740992", "9007199254740993", "123456789012345678901", "1e300", "1e-320", "1e15", "123456789012345.6",
		"99999999999999.994",
		strconv.FormatFloat(g.NormFloat64(), 'g', -1, 64),
		strconv.FormatFloat(g.NormFloat64()*1e10, 'f', g.IntN(12), 64),
		strconv.Itoa(g.IntN(1e9)), strconv.FormatUint(g.Uint64(), 10)))
}

func (g generator) text() {
	g.b.WriteString(pick(g,
		`""`, `"a"`, `"NA"`, `"Inf"`, `"TRUE"`, `"1"`, `"é"`, `"\u00e9"`, `"\ud83d\ude00"`, `"😀"`, `"\\u0000"`, `"\"\\\/\b\f\n\r\t"`,
		`"2024-01-01T00:00:00Z"`, `"[1,2]"`, `"`+strings.Repeat("x", g.IntN(2000))+`"`))
}
