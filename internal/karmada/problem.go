package karmada

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Problem is one reason for which an object is refused.
type Problem struct {
	// Field leads to the fault: a string for each key, an int for each index of a list. What is
	// missing is no step of it.
	Field []any
	// Kind is one of the constants below.
	Kind Kind
	// Message says what is wrong, as one part of a sentence.
	Message string
	// Fix says what to write, as a sentence of its own; empty where nothing is likely.
	Fix string
	// Since is y of the first release 1.y that knows the field, of NewerField alone.
	Since int
	// NotBefore is y of the newest release 1.y, where it is not known which one it is and an older one
	// takes the object; else 0.
	NotBefore int
	// Value is what certainly was meant, to be written at the field; nil where nothing is certain.
	Value any
}

// Kind says who refuses an object, and for what.
type Kind string

// The kinds of problems.
const (
	APIVersion   Kind = "api-version"   // no such version of the API is served
	UnknownField Kind = "unknown-field" // the schema has no such field
	NewerField   Kind = "newer-field"   // the schema of a later release has it
	Type         Kind = "type"          // a text where a number is asked for
	Required     Kind = "required"      // a field is missing
	Enum         Kind = "enum"          // a value is none of those that are taken
	Bounds       Kind = "bounds"        // a number, a length or a count is out of its bounds
	Form         Kind = "form"          // a text does not match a pattern or a format
	Duplicate    Kind = "duplicate"     // an entry of a list occurs twice
	Webhook      Kind = "webhook"       // karmada-webhook refuses it

	PropagateDeps  Kind = "propagate-deps"  // karmada-webhook: application failover without propagateDeps
	OtherNamespace Kind = "other-namespace" // karmada-webhook: a selector for another namespace
)

// BySchema is true for what the schema of the CRD refuses, before karmada-webhook is asked.
func (k Kind) BySchema() bool { return k != Webhook && k != PropagateDeps && k != OtherNamespace }

// Problems are the reasons for which Karmada 1.minor refuses an object, in the order of its fields. Of another release
// than 1.15 to 1.19, and of 0, they are those of the newest, and tell where an older one takes the object. An object of
// a kind that is none of Karmada's has none.
// Karmada 1.15 has the schemas of 1.16, and 1.19 those of 1.18 but for two names of purgeMode that
// rule purge-mode-valid knows.
func Problems(object map[string]any, minor int) []Problem {
	switch minor {
	case 15:
		minor = 16
	case 19:
		minor = 18
	}
	all := schemas()
	if slices.Contains(all.Minors, minor) {
		return problems(object, minor)
	}
	newest := all.Minors[len(all.Minors)-1]
	found := problems(object, newest)
	for _, minor := range all.Minors[:len(all.Minors)-1] {
		if len(found) == 0 {
			break
		}
		others := problems(object, minor)
		for i := range found {
			if p := &found[i]; !slices.ContainsFunc(others, p.as) {
				p.NotBefore = newest
			}
		}
	}
	return found
}

// as is true for what refuses the same, or does not know the field at all.
func (p *Problem) as(other Problem) bool {
	return slices.Equal(p.Field, other.Field) && p.Kind == other.Kind ||
		other.Kind == NewerField && len(other.Field) <= len(p.Field) &&
			slices.Equal(other.Field, p.Field[:len(other.Field)])
}

func problems(object map[string]any, minor int) []Problem {
	v := validator{minor: minor}
	if v.bySchema(object) {
		v.byWebhook(object)
	}
	slices.SortStableFunc(v.found, func(a, b Problem) int { return compareFields(a.Field, b.Field) })
	return v.found
}

// validator collects problems of an object, as one release has them.
type validator struct {
	minor int
	root  int // the schema of the object
	found []Problem
}

func (v *validator) report(p Problem) {
	p.Field = slices.Clone(p.Field)
	v.found = append(v.found, p)
}

func compareFields(a, b []any) int {
	return slices.CompareFunc(a, b, func(a, b any) int {
		i, isNumber := a.(int)
		j, alike := b.(int)
		if isNumber && alike {
			return i - j
		}
		return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
	})
}

// stands in for what is not known: a text with a variable, or a value that was taken out, at any depth.
func standsIn(value any) bool {
	switch value := value.(type) {
	case string:
		return strings.Contains(value, "${")
	case []any:
		return slices.ContainsFunc(value, standsIn)
	case map[string]any:
		if redacted(value) {
			return true
		}
		for key, entry := range value {
			if strings.Contains(key, "${") || standsIn(entry) {
				return true
			}
		}
	}
	return false
}

// redacted is true for what stands in the place of a value that may be secret.
func redacted(value map[string]any) bool {
	_, yes := value["$class"]
	return yes
}

// pathOf is how a field is written: spec.overrideRules[0].overriders.
func pathOf(field []any) string {
	var b strings.Builder
	for _, step := range field {
		switch step := step.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", step)
		case string:
			switch {
			case len(step) > 60:
				b.WriteString("[…]")
			case strings.ContainsAny(step, "./[] "):
				fmt.Fprintf(&b, "[%q]", step)
			case b.Len() > 0:
				b.WriteString("." + step)
			default:
				b.WriteString(step)
			}
		}
	}
	return b.String()
}

// numberOf reads a number, whatever a decoder has made of it.
func numberOf(value any) (float64, bool) {
	switch n := value.(type) {
	case int:
		return float64(n), true
	case int32:
		return float64(n), true
	case int64:
		return float64(n), true
	case uint64:
		return float64(n), true
	case float64:
		return n, true
	case json.Number:
		f, err := n.Float64()
		return f, err == nil
	}
	return 0, false
}

func isInteger(n float64) bool { return n == math.Trunc(n) && !math.IsInf(n, 0) }

// written is a value as a message has it: short texts in quotes, numbers and truths as they are; else
// what sort of thing it is.
func written(value any) string {
	switch value := value.(type) {
	case string:
		if len(value) <= 60 {
			return strconv.Quote(value)
		}
		return "a string of " + strconv.Itoa(len(value)) + " bytes"
	case bool:
		return strconv.FormatBool(value)
	}
	if n, ok := numberOf(value); ok {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	return sortOf(value)
}

// sortOf names the sort of a value in plain words.
func sortOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case []any:
		return "a list"
	case map[string]any:
		return "a map"
	}
	if n, ok := numberOf(value); ok && !isInteger(n) {
		return "a number with a fraction"
	}
	return "a number"
}

// oneOf lists names in quotes: "a", "b" or "c".
func oneOf(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = strconv.Quote(name)
	}
	if len(quoted) < 2 {
		return strings.Join(quoted, "")
	}
	return strings.Join(quoted[:len(quoted)-1], ", ") + " or " + quoted[len(quoted)-1]
}
