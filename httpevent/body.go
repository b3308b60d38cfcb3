package httpevent

import "bytes"

// cutBody returns the string that the member "body" of an event has, with its quotes, and the event
// without it. It returns nil if there is no such string. A body may have 6 MB, and encoding/json would read
// it three times. It does not check that the event is valid JSON, but never cuts it inside a string.
func cutBody(event []byte) (body, rest []byte) {
	depth := 0
	for i := 0; i < len(event); {
		switch event[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			end := endOfString(event, i)
			if end < 0 {
				return nil, event
			}
			if depth == 1 && string(event[i:end]) == `"body"` {
				if from := afterColon(event, end); from > 0 && event[from] == '"' {
					to := endOfString(event, from)
					if to < 0 {
						return nil, event
					}
					rest = append(bytes.Clone(event[:from]), `""`...)
					return event[from:to], append(rest, event[to:]...)
				}
			}
			i = end
			continue
		}
		i++
	}
	return nil, event
}

// endOfString returns the index behind the string that begins at i, or -1 if it does not end.
func endOfString(text []byte, i int) int {
	for i++; i < len(text); {
		quote := bytes.IndexByte(text[i:], '"')
		if quote < 0 {
			return -1
		}
		end := i + quote
		escapes := 0
		for end-1-escapes >= i && text[end-1-escapes] == '\\' {
			escapes++
		}
		i = end + 1
		if escapes%2 == 0 {
			return i
		}
	}
	return -1
}

// afterColon returns the index of the value behind a colon that follows i, or -1.
func afterColon(text []byte, i int) int {
	space := func() {
		for i < len(text) && bytes.IndexByte([]byte(" \t\r\n"), text[i]) >= 0 {
			i++
		}
	}
	if space(); i >= len(text) || text[i] != ':' {
		return -1
	}
	i++
	if space(); i >= len(text) {
		return -1
	}
	return i
}
