// Package shape describes an object without anything that somebody has written in it, so that it
// can be shown to strangers.
package shape

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A Drawer describes objects. The same text has the same number in all that it describes, so that one
// sees what refers to what.
type Drawer struct {
	// known are the keys that are shown: words that the program itself has. Others get a number.
	known map[string]bool

	keys, texts map[string]int
}

// Bounds of what is described, so that a report stays one that a person can read through.
const (
	maxItems = 20
	maxDepth = 24
)

// New is a Drawer that shows the keys known and no others.
func New(known map[string]bool) *Drawer {
	return &Drawer{known: known, keys: map[string]int{}, texts: map[string]int{}}
}

// Object is the shape of a value as it is read from YAML or JSON, as lines of "key: what stands there": of a
// text its number and no more, of a number whether it is below, at or above 0. Of a list or a mapping it
// shows the first 20 entries.
func (d *Drawer) Object(value any) string {
	var b strings.Builder
	d.write(&b, value, 0)
	return b.String()
}

// Path is the shape of a path into an object: keys, and indexes of lists.
func (d *Drawer) Path(steps []any) string {
	shown := make([]string, len(steps))
	for i, step := range steps {
		switch step := step.(type) {
		case string:
			shown[i] = d.key(step)
		default:
			shown[i] = fmt.Sprintf("%v", step)
		}
	}
	return strings.Join(shown, ".")
}

func (d *Drawer) write(b *strings.Builder, value any, depth int) {
	indent := strings.Repeat("  ", depth)
	switch value := value.(type) {
	case map[string]any:
		shown := slices.Sorted(maps.Keys(value))
		for _, key := range shown[:min(len(shown), maxItems)] {
			b.WriteString(indent + d.key(key) + ":")
			d.below(b, value[key], depth)
		}
		d.rest(b, indent, len(shown))
	case []any:
		for _, item := range value[:min(len(value), maxItems)] {
			b.WriteString(indent + "-")
			d.below(b, item, depth)
		}
		d.rest(b, indent, len(value))
	default:
		b.WriteString(indent + d.leaf(value) + "\n")
	}
}

// below writes what stands at a key or in an entry, in the same line if it is no collection.
func (d *Drawer) below(b *strings.Builder, value any, depth int) {
	size := -1
	switch value := value.(type) {
	case map[string]any:
		size = len(value)
	case []any:
		size = len(value)
	}
	switch {
	case size < 0 || size == 0:
		b.WriteString(" " + d.leaf(value) + "\n")
	case depth >= maxDepth:
		b.WriteString(" more\n")
	default:
		b.WriteString("\n")
		d.write(b, value, depth+1)
	}
}

func (d *Drawer) rest(b *strings.Builder, indent string, count int) {
	if count > maxItems {
		fmt.Fprintf(b, "%s%d more\n", indent, count-maxItems)
	}
}

func (d *Drawer) key(key string) string {
	if d.known[key] {
		return key
	}
	return "key-" + strconv.Itoa(number(d.keys, key))
}

func (d *Drawer) leaf(value any) string {
	switch value := value.(type) {
	case nil:
		return "nothing"
	case bool:
		return "true or false"
	case map[string]any:
		return "an empty mapping"
	case []any:
		return "an empty list"
	case string:
		if strings.TrimSpace(value) == "" {
			return "an empty text"
		}
		return "text-" + strconv.Itoa(number(d.texts, value))
	}
	n, err := strconv.ParseFloat(fmt.Sprint(value), 64)
	switch {
	case err != nil:
		return "something else"
	case n < 0:
		return "a number below 0"
	case n == 0:
		return "the number 0"
	}
	return "a number above 0"
}

// number is the one of a text among those that were met.
func number(met map[string]int, text string) int {
	if met[text] == 0 {
		met[text] = len(met) + 1
	}
	return met[text]
}
