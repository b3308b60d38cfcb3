package rvalue

import (
	"bytes"
	"encoding/json"
	"testing"
)

// FuzzDecode checks that Decode refuses what is not JSON, and that values have the size that it says.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`[{"a":1,"b":[1,"x",null]},{"b":{}},null]`, `{"body":"[1,2]"}`, `[[1,2],[3,4.5e-7]]`, `["\ud83d\ude00\n"]`, `[-0,1e400,true]`, "[1\v]",
	} {
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, text []byte, simplify bool) {
		v := Decode(text, simplify, true)
		if v == nil {
			return
		}
		if !json.Valid(text) {
			t.Error("decoded what is not JSON")
		}
		var b bytes.Buffer
		if n, err := v.WriteTo(&b); err != nil || n != v.Size() || n != int64(b.Len()) {
			t.Errorf("%d of %d bytes, size %d, %v", b.Len(), n, v.Size(), err)
		}
	})
}
