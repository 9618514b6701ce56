// Package flux knows what the CRDs of Flux take of an object, by the Go types that they are made from. It knows no
// fleet.
package flux

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	sourcev1 "github.com/fluxcd/source-controller/api/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-dev/rollcall/internal/spelling"
)

// Problem is one reason for which the API server refuses an object that Flux applies: a field that is not declared
// in the schema, or a value of another type.
//
// Source: fluxcd/pkg ssa v0.76.2 manager_apply.go:428; sigs.k8s.io/structured-merge-diff v6.4.0
// typed/validate.go:180.
type Problem struct {
	// Field leads to the fault: a string for each key, an int for each index of a list.
	Field []any
	// Kind is "unknown-field" or "type".
	Kind    string
	Message string
	// Fix says what to write, as a sentence; empty where nothing is likely.
	Fix string
}

// specs are the types of the specs, by the object's apiVersion and kind: those of Flux 2.9.
var specs = map[string]reflect.Type{
	"kustomize.toolkit.fluxcd.io/v1 Kustomization": reflect.TypeFor[kustomizev1.KustomizationSpec](),
	"helm.toolkit.fluxcd.io/v2 HelmRelease":        reflect.TypeFor[helmv2.HelmReleaseSpec](),
	"source.toolkit.fluxcd.io/v1 GitRepository":    reflect.TypeFor[sourcev1.GitRepositorySpec](),
	"source.toolkit.fluxcd.io/v1 OCIRepository":    reflect.TypeFor[sourcev1.OCIRepositorySpec](),
	"source.toolkit.fluxcd.io/v1 HelmRepository":   reflect.TypeFor[sourcev1.HelmRepositorySpec](),
	"source.toolkit.fluxcd.io/v1 HelmChart":        reflect.TypeFor[sourcev1.HelmChartSpec](),
	"source.toolkit.fluxcd.io/v1 Bucket":           reflect.TypeFor[sourcev1.BucketSpec](),
}

// Problems are those of an object, in the order of its fields; none of an object of another kind.
func Problems(object map[string]any) []Problem {
	spec := specs[fmt.Sprint(object["apiVersion"], " ", object["kind"])]
	if spec == nil {
		return nil
	}
	c := checker{}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		switch name {
		case "apiVersion", "kind", "metadata", "status", "sops":
		case "spec":
			c.value(spec, object[name], []any{name})
		default:
			c.unknown("the object", []any{name}, []string{"apiVersion", "kind", "metadata", "spec"})
		}
	}
	return c.found
}

type checker struct{ found []Problem }

func (c *checker) unknown(of string, field []any, known []string) {
	name, _ := field[len(field)-1].(string)
	fix := ""
	if near := spelling.Near(name, known); len(near) > 0 {
		fix = fmt.Sprintf("Write %q.", near[0])
	}
	c.found = append(c.found, Problem{Field: slices.Clone(field), Kind: "unknown-field", Fix: fix,
		Message: fmt.Sprintf("%s has no field %q", of, short(name))})
}

var (
	duration    = reflect.TypeFor[metav1.Duration]()
	unmarshaler = reflect.TypeFor[json.Unmarshaler]()
)

// value holds a value against a type. What has a variable in it, or was taken out, may be anything.
func (c *checker) value(t reflect.Type, value any, field []any) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	text, isText := value.(string)
	object, isObject := value.(map[string]any)
	list, isList := value.([]any)
	switch _, redacted := object["$class"]; {
	case value == nil, redacted, isText && strings.Contains(text, "${"):
		return
	case t == duration:
		c.typed(isText, "a text like 10m", value, field)
	case t.Kind() == reflect.Interface, reflect.PointerTo(t).Implements(unmarshaler):
	case t.Kind() == reflect.Struct:
		if c.typed(isObject, "a map", value, field) {
			c.object(t, object, field)
		}
	case t.Kind() == reflect.Map:
		if c.typed(isObject, "a map", value, field) {
			for _, name := range slices.Sorted(maps.Keys(object)) {
				c.value(t.Elem(), object[name], append(slices.Clip(field), name))
			}
		}
	case t.Kind() == reflect.Slice:
		if c.typed(isList, "a list", value, field) {
			for i, entry := range list {
				c.value(t.Elem(), entry, append(slices.Clip(field), i))
			}
		}
	case t.Kind() == reflect.String:
		c.typed(isText, "a text", value, field)
	case t.Kind() == reflect.Bool:
		_, isBool := value.(bool)
		c.typed(isBool, "true or false", value, field)
	default:
		c.typed(!isText && !isObject && !isList && value != true && value != false, "a number", value, field)
	}
}

// typed says that a value is of another type, where it is.
func (c *checker) typed(ok bool, wanted string, value any, field []any) bool {
	if !ok {
		c.found = append(c.found, Problem{Field: slices.Clone(field), Kind: "type",
			Message: fmt.Sprintf("%s is %s, and the schema asks for %s", path(field), sortOf(value), wanted)})
	}
	return ok
}

func (c *checker) object(t reflect.Type, object map[string]any, field []any) {
	fields := fieldsOf(t)
	for _, name := range slices.Sorted(maps.Keys(object)) {
		at := append(slices.Clip(field), name)
		if of := fields[name]; of != nil {
			c.value(of, object[name], at)
		} else if object[name] != nil && !strings.Contains(name, "${") && name != "$patch" {
			c.unknown(path(field), at, slices.Sorted(maps.Keys(fields)))
		}
	}
}

// fieldsOf are the types of a struct's fields by their names in JSON, those of what is embedded among them.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" && f.Anonymous {
			inner := f.Type
			for inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			maps.Copy(fields, fieldsOf(inner))
		} else if name != "" && name != "-" {
			fields[name] = f.Type
		}
	}
	return fields
}

// path is how a field is written: spec.postBuild.substituteFrom[0].
func path(field []any) string {
	var b strings.Builder
	for _, step := range field {
		switch step := step.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", step)
		case string:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(short(step))
		}
	}
	return b.String()
}

// short is a name as a message has it.
func short(name string) string {
	if len(name) > 60 {
		return "…"
	}
	return name
}

func sortOf(value any) string {
	switch value.(type) {
	case string:
		return "a text"
	case bool:
		return "a truth value"
	case []any:
		return "a list"
	case map[string]any:
		return "a map"
	}
	return "a number"
}
