// Package schema describes Go types as JSON Schema: what docs/*.schema.json publish, and what types a rule's input and
// data.fleet for the Rego compiler.
package schema

import (
	"fmt"
	"maps"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

const module = "github.com/rollcall-dev/rollcall"

// Comments are docstrings by "import/path.Type" and "import/path.Type.Field".
type Comments map[string]string

// ReadComments reads the docstrings of the packages at dirs, which are relative to the working directory: the module's
// root.
func ReadComments(dirs ...string) (Comments, error) {
	all := Comments{}
	for _, dir := range dirs {
		var r jsonschema.Reflector
		if err := r.AddGoComments(module, dir, jsonschema.WithFullComment()); err != nil {
			return nil, fmt.Errorf("read the docstrings of %s: %w", dir, err)
		}
		maps.Copy(all, r.CommentMap)
	}
	return all, nil
}

// Facts describes data.fleet; comments may be nil.
func Facts(comments Comments) *jsonschema.Schema {
	return Of(fleet.Fleet{}, "https://"+fleet.SchemaVersion+"/facts.schema.json", "data.fleet: "+fleet.SchemaVersion,
		comments)
}

// Input describes what a rule sees as input; comments may be nil.
func Input(comments Comments) *jsonschema.Schema {
	return Of(fleet.Input{}, "https://"+fleet.SchemaVersion+"/input.schema.json", "input: "+fleet.SchemaVersion,
		comments)
}

// Of describes the JSON form of v's type. A pointer that is not left out when it is nil may be null; slices and maps
// never are.
func Of(v any, id, title string, comments Comments) *jsonschema.Schema {
	r := jsonschema.Reflector{ExpandedStruct: true, Anonymous: true, CommentMap: unwrapped(comments)}
	s := r.Reflect(v)
	s.ID, s.Title = jsonschema.ID(id), title
	allowNull(s, reflect.TypeOf(v), map[reflect.Type]bool{})
	return s
}

// unwrapped joins the lines of each paragraph.
func unwrapped(comments Comments) map[string]string {
	out := make(map[string]string, len(comments))
	for name, text := range comments {
		paragraphs := strings.Split(text, "\n\n")
		for i, p := range paragraphs {
			paragraphs[i] = strings.Join(strings.Fields(p), " ")
		}
		out[name] = strings.Join(paragraphs, "\n\n")
	}
	return out
}

// allowNull adds null to the pointers that encoding/json writes as null. root holds the definitions of all types.
func allowNull(root *jsonschema.Schema, t reflect.Type, seen map[reflect.Type]bool) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		allowNull(root, t.Elem(), seen)
	case reflect.Struct:
		if seen[t] {
			return
		}
		seen[t] = true
		s := root
		if def := root.Definitions[t.Name()]; def != nil {
			s = def
		}
		for _, field := range reflect.VisibleFields(t) {
			name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name == "" || name == "-" || !field.IsExported() {
				continue
			}
			if field.Type.Kind() == reflect.Pointer && !strings.Contains(options, "omitempty") {
				property, _ := s.Properties.Get(name)
				description := property.Description
				property.Description = ""
				s.Properties.Set(name, &jsonschema.Schema{
					Description: description,
					AnyOf:       []*jsonschema.Schema{property, {Type: "null"}},
				})
			}
			allowNull(root, field.Type, seen)
		}
	}
}
