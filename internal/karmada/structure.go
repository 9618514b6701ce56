package karmada

import (
	"encoding/base64"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/rollcall-dev/rollcall/internal/spelling"
)

// bySchema holds an object against the schema of its kind; false where there is none, so that nothing more can be said.
//
// Flux applies on the server's side, where a field that the schema does not have is an error and not left out.
//
// Source: fluxcd/pkg ssa v0.76.2 manager_apply.go:428 (as kustomize-controller v1.9.6 applies);
// sigs.k8s.io/structured-merge-diff v6.4.0 typed/validate.go:180 ("field not declared in schema");
// k8s.io/apiextensions-apiserver v0.36.4 pkg/apiserver/validation/validation.go.
func (v *validator) bySchema(object map[string]any) bool {
	apiVersion, _ := object["apiVersion"].(string)
	kind, _ := object["kind"].(string)
	group, version, _ := strings.Cut(apiVersion, "/")
	all := schemas()
	versions, known := all.Kinds[kind+"."+group]
	if !known || standsIn(apiVersion) {
		return false
	}
	number := versions[version][v.minor]
	if number == 0 {
		served := []string{}
		for name, minors := range versions {
			if minors[v.minor] != 0 {
				served = append(served, group+"/"+name)
			}
		}
		if len(served) == 0 { // the release has no such kind
			return false
		}
		slices.Sort(served)
		p := Problem{Field: []any{"apiVersion"}, Kind: APIVersion,
			Message: fmt.Sprintf("%s does not serve version %q of %q", v.release(), version, kind),
			Fix:     "Use " + oneOf(served) + "."}
		if len(served) == 1 {
			p.Value = served[0]
		}
		v.report(p)
		return false
	}
	later := []int{}
	for _, minor := range all.Minors {
		if minor > v.minor && versions[version][minor] != 0 {
			later = append(later, versions[version][minor])
		}
	}
	rest := maps.Clone(object)
	delete(rest, "metadata")
	delete(rest, "status")
	v.root = number
	v.value(number, later, rest, nil)
	return true
}

func (v *validator) release() string { return fmt.Sprintf("Karmada 1.%d", v.minor) }

// value holds a value against a schema. The schemas of later releases, if any, tell whether a
// field came with one of them.
func (v *validator) value(number int, later []int, value any, field []any) {
	if text, ok := value.(string); ok && standsIn(text) {
		return
	}
	s := &schemas().Schemas[number]
	switch value := value.(type) {
	case nil: // as if it were not there
	case map[string]any:
		if redacted(value) {
			return
		}
		if v.typed(s, "object", value, field) {
			v.object(s, later, value, field)
		}
	case []any:
		if v.typed(s, "array", value, field) {
			v.list(s, later, value, field)
		}
	case string:
		if v.typed(s, "string", value, field) {
			v.text(s, value, field)
		}
	case bool:
		v.typed(s, "boolean", value, field)
	default:
		n, ok := numberOf(value)
		if !ok {
			return
		}
		kind := "number"
		if isInteger(n) {
			kind = "integer"
		}
		if v.typed(s, kind, value, field) {
			v.number(s, n, field)
		}
	}
}

// names of types, as a message has them.
var typeNames = map[string]string{
	"object": "a map", "array": "a list", "string": "a string", "boolean": "a boolean", "integer": "a whole number",
	"number": "a number",
}

// typed tells whether a value is of the schema's type, and says so where it is not.
func (v *validator) typed(s *Schema, kind string, value any, field []any) bool {
	wanted := typeNames[s.Type]
	switch {
	case s.IntOrString:
		if kind == "integer" || kind == "string" {
			return true
		}
		wanted = "a whole number or a text"
	case s.Type == "" || s.Type == kind || s.Type == "number" && kind == "integer":
		return true
	}
	p := Problem{Field: field, Kind: Type, Message: fmt.Sprintf(
		"%s is %s, and the schema requires %s", pathOf(field), sortOf(value), wanted)}
	text, _ := value.(string)
	if n, err := strconv.ParseInt(text, 10, 32); err == nil && s.Type == "integer" {
		p.Value = int(n)
	}
	if (text == "true" || text == "false") && s.Type == "boolean" {
		p.Value = text == "true"
	}
	v.report(p)
	return false
}

func (v *validator) object(s *Schema, later []int, value map[string]any, field []any) {
	all := schemas().Schemas
	for _, name := range s.Required {
		if entry, ok := value[name]; ok && entry != nil ||
			s.Properties[name] != 0 && all[s.Properties[name]].HasDefault {
			continue
		}
		v.report(Problem{Field: field, Kind: Required,
			Message: fmt.Sprintf("%s is missing", pathOf(append(slices.Clip(field), name)))})
	}
	for _, name := range slices.Sorted(maps.Keys(value)) {
		at := append(slices.Clip(field), name)
		number, known := s.Properties[name]
		switch {
		case known:
			v.value(number, laterOf(later, func(s *Schema) int { return s.Properties[name] }), value[name], at)
		case s.Values != 0:
			v.value(s.Values, laterOf(later, func(s *Schema) int { return s.Values }), value[name], at)
		case s.Open || len(field) == 0 && (name == "apiVersion" || name == "kind") || standsIn(name) ||
			value[name] == nil:
		default:
			v.unknownField(s, later, at)
		}
	}
}

// laterOf are the schemas of a part of the values that later schemas are for.
func laterOf(later []int, part func(*Schema) int) []int {
	var parts []int
	for _, number := range later {
		if n := part(&schemas().Schemas[number]); n != 0 {
			parts = append(parts, n)
		}
	}
	return parts
}

func (v *validator) unknownField(s *Schema, later []int, field []any) {
	name, parent := field[len(field)-1].(string), pathOf(field[:len(field)-1])
	all := schemas()
	for i, number := range later {
		if all.Schemas[number].Properties[name] != 0 {
			since := all.Minors[len(all.Minors)-len(later)+i]
			v.report(Problem{Field: field, Kind: NewerField, Since: since,
				Message: fmt.Sprintf("%q is known from Karmada 1.%d on, and this is 1.%d", name, since, v.minor)})
			return
		}
	}
	if parent == "" {
		parent = "the object"
	}
	fix := write(spelling.Near(name, slices.Sorted(maps.Keys(s.Properties))))
	if place := v.placeOf(name); fix == "" && place != "" {
		fix = "Move the field to " + place + "."
	}
	v.report(Problem{Field: field, Kind: UnknownField, Message: fmt.Sprintf(
		"%s has no field %s", parent, written(name)), Fix: fix})
}

// write is the fix that writes one of some names; empty for none.
func write(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "Write " + oneOf(names) + "."
}

// placeOf is the one place of the object's kind, outside of lists, that has a field of that name; empty
// where none or several do.
func (v *validator) placeOf(name string) string {
	var places []string
	var look func(number int, path []any)
	look = func(number int, path []any) {
		s := &schemas().Schemas[number]
		if s.Properties[name] != 0 {
			places = append(places, pathOf(path))
		}
		for step, number := range s.Properties {
			look(number, append(slices.Clip(path), step))
		}
	}
	if look(v.root, nil); len(places) != 1 {
		return ""
	}
	return places[0]
}

func (v *validator) list(s *Schema, later []int, value []any, field []any) {
	v.count(s.MinItems, s.MaxItems, len(value), "entries", field)
	inLater := laterOf(later, func(s *Schema) int { return s.Items })
	for i, entry := range value {
		if s.Items != 0 { // else anything
			v.value(s.Items, inLater, entry, append(slices.Clip(field), i))
		}
	}
	seen := map[string]bool{}
	for i, entry := range value {
		identity := fmt.Sprintf("%T %v", entry, entry)
		if len(s.Keys) > 0 {
			of, _ := entry.(map[string]any)
			parts := make([]string, len(s.Keys))
			for j, key := range s.Keys {
				parts[j] = written(of[key])
			}
			identity = strings.Join(parts, ", ")
		}
		if !s.Set && len(s.Keys) == 0 || standsIn(entry) {
			continue
		}
		if at := append(slices.Clip(field), i); seen[identity] {
			v.report(Problem{Field: at, Kind: Duplicate, Message: pathOf(at) + " occurs twice"})
		}
		seen[identity] = true
	}
}

func (v *validator) text(s *Schema, value string, field []any) {
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, value) {
		v.report(Problem{Field: field, Kind: Enum, Value: meant(value, s.Enum),
			Message: fmt.Sprintf("%s is %s and not %s", pathOf(field), written(value), oneOf(s.Enum)),
			Fix:     write(spelling.Near(value, s.Enum))})
	}
	v.count(s.MinLength, s.MaxLength, utf8.RuneCountInString(value), "characters", field)
	form := ""
	switch {
	case s.Pattern != "" && s.IntOrString && !pattern(s.Pattern).MatchString(value):
		form = "a quantity"
	case s.Pattern != "" && !pattern(s.Pattern).MatchString(value):
		form = "of the form " + s.Pattern
	case s.Format == "date-time" && !isTime(value):
		form = "a time"
	case s.Format == "byte" && !isBase64(value):
		form = "base64"
	}
	if form != "" {
		v.report(Problem{Field: field, Kind: Form, Message: fmt.Sprintf(
			"%s is %s and not %s", pathOf(field), written(value), form)})
	}
}

func isTime(text string) bool {
	_, err := time.Parse(time.RFC3339Nano, text)
	return err == nil
}

func isBase64(text string) bool {
	_, err := base64.StdEncoding.DecodeString(text)
	return err == nil && text != ""
}

// meant is the one name that another is certainly a misspelling of; nil where there is none.
func meant(name string, known []string) any {
	for _, other := range known {
		if strings.EqualFold(name, other) {
			return other
		}
	}
	if len(spelling.Near(name, known)) == 1 && len(name) > 4 {
		for _, other := range known {
			if len(spelling.Near(name, []string{other})) > 0 && !strings.Contains(other, name) {
				return other
			}
		}
	}
	return nil
}

func (v *validator) number(s *Schema, n float64, field []any) {
	switch {
	case s.Minimum != nil && n < *s.Minimum:
		v.report(Problem{Field: field, Kind: Bounds, Message: fmt.Sprintf(
			"%s is %s, and the least is %s", pathOf(field), written(n), written(*s.Minimum))})
	case s.Maximum != nil && n > *s.Maximum:
		v.report(Problem{Field: field, Kind: Bounds, Message: fmt.Sprintf(
			"%s is %s, and the most is %s", pathOf(field), written(n), written(*s.Maximum))})
	case s.Format == "int32" && (n < -1<<31 || n >= 1<<31), s.Format == "int64" && (n < -1<<63 || n >= 1<<63):
		v.report(Problem{Field: field, Kind: Bounds, Message: fmt.Sprintf(
			"%s is %s, which does not fit into %s bits", pathOf(field), written(n), s.Format[3:])})
	}
}

// count holds a length against its bounds.
func (v *validator) count(least, most *int64, n int, what string, field []any) {
	switch {
	case least != nil && int64(n) < *least:
		v.report(Problem{Field: field, Kind: Bounds, Message: fmt.Sprintf(
			"%s has %d %s, and the least is %d", pathOf(field), n, what, *least)})
	case most != nil && int64(n) > *most:
		v.report(Problem{Field: field, Kind: Bounds, Message: fmt.Sprintf(
			"%s has %d %s, and the most is %d", pathOf(field), n, what, *most)})
	}
}

// patterns are those of the schemas, each compiled once.
var patterns sync.Map

func pattern(text string) *regexp.Regexp {
	if re, ok := patterns.Load(text); ok {
		return re.(*regexp.Regexp)
	}
	re := regexp.MustCompile(text) // of the schemas alone
	patterns.Store(text, re)
	return re
}
