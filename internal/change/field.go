package change

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

const (
	// maxFields bounds the fields of an object that are listed.
	maxFields = 200
	// maxValue bounds a text, and maxLines the lines of one that are listed; in bytes and lines.
	maxValue = 2_000
	maxLines = 100
	// maxText bounds the texts that are compared line by line, in bytes.
	maxText = 1 << 20
)

// differences are the fields in which two objects differ, sorted as they stand, and how many
// more there are. Null is none.
func differences(before, after map[string]any) (fields []Field, leftOut int) {
	if reflect.ValueOf(before).Pointer() == reflect.ValueOf(after).Pointer() {
		return nil, 0
	}
	d := differ{}
	d.compare("", before, after)
	return d.fields, d.leftOut
}

type differ struct {
	fields  []Field
	leftOut int
}

func (d *differ) compare(path string, before, after any) {
	if reflect.DeepEqual(before, after) {
		return
	}
	a, isMap := before.(map[string]any)
	b, areMaps := after.(map[string]any)
	if isMap && areMaps && !isRedacted(a) && !isRedacted(b) {
		keys := map[string]bool{}
		for key := range a {
			keys[key] = true
		}
		for key := range b {
			keys[key] = true
		}
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			d.compare(join(path, key), a[key], b[key])
		}
		return
	}
	x, isList := before.([]any)
	y, areLists := after.([]any)
	if isList && areLists {
		d.compareLists(path, x, y)
		return
	}
	if equal(before, after) {
		return
	}
	f := Field{Path: path}
	p, isText := before.(string)
	q, areTexts := after.(string)
	if isText && areTexts && (strings.Contains(p, "\n") || strings.Contains(q, "\n")) && len(p)+len(q) <= maxText {
		f.Lines = lines(p, q)
	}
	f.Before, f.After = bounded(before), bounded(after)
	d.add(f)
}

func (d *differ) add(f Field) {
	if len(d.fields) == maxFields {
		d.leftOut++
		return
	}
	d.fields = append(d.fields, f)
}

// compareLists compares lists whose entries have names by these, and others by their places.
func (d *differ) compareLists(path string, before, after []any) {
	a, named := byName(before)
	b, also := byName(after)
	if named && also && len(before)+len(after) > 0 {
		for _, entry := range before {
			name := nameOf(entry)
			d.compare(path+"["+name+"]", entry, b[name])
		}
		for _, entry := range after {
			if name := nameOf(entry); a[name] == nil {
				d.compare(path+"["+name+"]", nil, entry)
			}
		}
		return
	}
	// What both begin or end with is the same; what is in between is compared one by one.
	start := 0
	for start < len(before) && start < len(after) && equal(before[start], after[start]) {
		start++
	}
	end := 0
	for end < len(before)-start && end < len(after)-start && equal(before[len(before)-1-end], after[len(after)-1-end]) {
		end++
	}
	before, after = before[start:len(before)-end], after[start:len(after)-end]
	for i := range max(len(before), len(after)) {
		var x, y any
		if i < len(before) {
			x = before[i]
		}
		if i < len(after) {
			y = after[i]
		}
		d.compare(fmt.Sprintf("%s[%d]", path, start+i), x, y)
	}
}

// byName are the entries of a list by their names; false where one has none, or two have the same.
func byName(list []any) (map[string]any, bool) {
	all := make(map[string]any, len(list))
	for _, entry := range list {
		name := nameOf(entry)
		if name == "" || all[name] != nil {
			return nil, false
		}
		all[name] = entry
	}
	return all, true
}

func nameOf(entry any) string {
	m, _ := entry.(map[string]any)
	for _, key := range []string{"name", "affinityName", "key"} {
		if name, ok := m[key].(string); ok {
			return name
		}
	}
	return ""
}

// equal is true for values that an API server takes for the same: numbers of one size, and null for what is not there.
func equal(a, b any) bool {
	if reflect.DeepEqual(a, b) {
		return true
	}
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok {
			return false
		}
		for key := range x {
			if !equal(x[key], y[key]) {
				return false
			}
		}
		for key := range y {
			if _, both := x[key]; !both && y[key] != nil {
				return false
			}
		}
		return true
	case []any:
		y, ok := b.([]any)
		return ok && slices.EqualFunc(x, y, equal)
	case int, int64, float64, json.Number:
		switch b.(type) {
		case int, int64, float64, json.Number:
			return number(a) == number(b)
		}
	}
	return false
}

func number(n any) float64 {
	switch n := n.(type) {
	case int:
		return float64(n)
	case int64:
		return float64(n)
	case float64:
		return n
	case json.Number:
		f, _ := n.Float64()
		return f
	}
	return 0
}

func isRedacted(value any) bool {
	_, ok := fleet.ReadRedacted(value)
	return ok
}

// join is the path of a key.
func join(path, key string) string {
	if strings.ContainsAny(key, ".[]\" ") || key == "" {
		return path + "[" + fmt.Sprintf("%q", key) + "]"
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// bounded is a value whose texts are cut.
func bounded(value any) any {
	switch v := value.(type) {
	case string:
		return cut(v, maxValue)
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, inner := range v {
			out[key] = bounded(inner)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = bounded(v[i])
		}
		return out
	}
	return value
}

// cut is the beginning of a text, of at most so many bytes, with a sign where more follows.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + "…"
}

// lines are those of two texts that differ, in their order.
func lines(before, after string) (all []string) {
	more := 0
	for line := range strings.Lines(string(diff.Diff("a", []byte(before), "b", []byte(after)))) {
		line = strings.TrimSuffix(line, "\n")
		if !strings.HasPrefix(line, "-") && !strings.HasPrefix(line, "+") || line == "--- a" || line == "+++ b" {
			continue
		}
		if len(all) == maxLines {
			more++
			continue
		}
		all = append(all, cut(line, maxValue))
	}
	if more > 0 {
		all = append(all, fmt.Sprintf("… and %d more", more))
	}
	return all
}
