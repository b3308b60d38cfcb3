package rvalue

import (
	"math"
	"strconv"
	"time"
)

// A column appends the JSON of its cells.
type column interface {
	size() int
	appendCell(b []byte, i int) []byte
}

// newColumn returns a column of this kind, see EncodeRows.
func newColumn(values any, kind string) (column, error) {
	switch values := values.(type) {
	case textValue:
		switch kind {
		case "":
			return textColumn{values}, nil
		case "json":
			return jsonColumn{values}, nil
		}
	case logicalValue:
		if kind == "" {
			return logicalColumn{values}, nil
		}
	case integerValue:
		if kind == "" {
			return integerColumn{values}, nil
		}
	case doubleValue:
		switch kind {
		case "":
			return doubleColumn{values}, nil
		case "date":
			return dateColumn{values}, nil
		case "time":
			return timeColumn{values}, nil
		}
	}
	return nil, errPayload
}

type (
	textColumn    struct{ textValue }
	jsonColumn    struct{ textValue }
	logicalColumn struct{ logicalValue }
	integerColumn struct{ integerValue }
	doubleColumn  struct{ doubleValue }
	dateColumn    struct{ doubleValue }
	timeColumn    struct{ doubleValue }
)

func (v textValue) size() int    { return len(v.chars) }
func (v logicalValue) size() int { return len(v.data) / 4 }
func (v integerValue) size() int { return len(v.data) / 4 }
func (v doubleValue) size() int  { return len(v.data) / 8 }

const nullJSON = "null"

func (c textColumn) appendCell(b []byte, i int) []byte {
	if c.chars[i] == nil {
		return append(b, nullJSON...)
	}
	return appendText(b, c.chars[i])
}

func (c jsonColumn) appendCell(b []byte, i int) []byte { return append(b, c.chars[i]...) }

func (c logicalColumn) appendCell(b []byte, i int) []byte {
	switch c.at(i) {
	case 0:
		return append(b, "false"...)
	case naInteger:
		return append(b, nullJSON...)
	}
	return append(b, "true"...)
}

func (c integerColumn) appendCell(b []byte, i int) []byte {
	v := c.at(i)
	if v == naInteger {
		return append(b, nullJSON...)
	}
	return strconv.AppendInt(b, int64(v), 10)
}

func (c doubleColumn) appendCell(b []byte, i int) []byte {
	v := c.at(i)
	if isMissing(v) {
		return append(b, nullJSON...)
	}
	return appendDouble(b, v)
}

// isMissing reports whether v is NA, NaN or infinite, for which JSON has null.
func isMissing(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }

func (c dateColumn) appendCell(b []byte, i int) []byte {
	days := c.at(i)
	if isMissing(days) {
		return append(b, nullJSON...)
	}
	b = append(b, '"')
	b = time.Unix(int64(math.Floor(days))*86400, 0).UTC().AppendFormat(b, time.DateOnly)
	return append(b, '"')
}

// A time is in UTC, with milliseconds if they are not zero.
func (c timeColumn) appendCell(b []byte, i int) []byte {
	seconds := c.at(i)
	if isMissing(seconds) {
		return append(b, nullJSON...)
	}
	ms := int64(math.RoundToEven(seconds * 1000))
	format := `"2006-01-02T15:04:05Z"`
	if ms%1000 != 0 {
		format = `"2006-01-02T15:04:05.000Z"`
	}
	return time.UnixMilli(ms).UTC().AppendFormat(b, format)
}
