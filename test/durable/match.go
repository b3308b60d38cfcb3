// Package durable runs AWS's conformance cases for durable functions against R handlers: the runtime and
// the backend of bootstrap local.
package durable

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A binding has the values of the variables of a case.
type binding map[string]string

var variable = regexp.MustCompile(`\$\{([A-Z0-9_]+)\}`)

// expand replaces the variables in a value of YAML. Those without a value stay.
func (b binding) expand(v any) any {
	switch v := v.(type) {
	case string:
		return variable.ReplaceAllStringFunc(v, func(name string) string {
			if value, ok := b[name[2:len(name)-1]]; ok {
				return value
			}
			return name
		})
	case []any:
		all := make([]any, len(v))
		for i := range v {
			all[i] = b.expand(v[i])
		}
		return all
	case map[string]any:
		all := map[string]any{}
		for key, value := range v {
			all[key] = b.expand(value)
		}
		return all
	}
	return v
}

// match returns how got differs from what a case expects, or "". It binds variables without a value.
func (b binding) match(path string, want, got any) string {
	switch want := b.expand(want).(type) {
	case nil:
		return ""
	case map[string]any:
		if len(want) == 0 {
			return ""
		}
		members, ok := got.(map[string]any)
		if !ok {
			return fmt.Sprintf("%s: got %v, want an object", path, got)
		}
		for key, value := range want {
			if _, ok := members[key]; !ok && value != nil {
				return fmt.Sprintf("%s.%s is missing", path, key)
			}
			if why := b.match(path+"."+key, value, members[key]); why != "" {
				return why
			}
		}
		return ""
	case []any:
		items, ok := got.([]any)
		if !ok || len(items) != len(want) {
			return fmt.Sprintf("%s: got %v, want %d items", path, got, len(want))
		}
		for i := range want {
			if why := b.match(fmt.Sprintf("%s[%d]", path, i), want[i], items[i]); why != "" {
				return why
			}
		}
		return ""
	default:
		return b.matchText(path, textOf(want), textOf(got))
	}
}

func (b binding) matchText(path, want, got string) string {
	name := variable.FindStringSubmatch(want)
	switch {
	case want == "*":
		return ""
	case strings.HasPrefix(want, "${/") && strings.HasSuffix(want, "/}"):
		if !regexp.MustCompile(want[3 : len(want)-2]).MatchString(got) {
			return fmt.Sprintf("%s: got %q, want a match of %s", path, got, want)
		}
		return ""
	case name != nil && name[0] == want:
		b[name[1]] = got
		return ""
	case want != got:
		return fmt.Sprintf("%s: got %q, want %q", path, got, want)
	}
	return ""
}

// textOf returns a scalar as text.
func textOf(v any) string {
	switch v := v.(type) {
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case nil:
		return ""
	}
	return fmt.Sprint(v)
}
