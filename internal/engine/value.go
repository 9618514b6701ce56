package engine

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Facts returns data.fleet as rules see it: maps, slices, strings, numbers and booleans. It differs from
// encoding/json's form of the fleet in this: no list and no map is ever null, and what is null in an object is not
// there, as an API server has it.
func Facts(f *fleet.Fleet) (any, error) {
	term, err := newEncoder().encode(f)
	if err != nil {
		return nil, fmt.Errorf("read the facts: %w", err)
	}
	return ast.JSON(term.Value)
}

// encoder turns Go values into Rego values, by the rules of encoding/json but without its text in between, and with
// empty lists and maps where it writes null, and without the null fields of objects. One encoder serves one goroutine.
type encoder struct {
	// texts are the terms of short texts, which recur endlessly.
	texts map[string]*ast.Term
	// seen are the terms of maps and of slices of structs by their address. They are converted once, because a fleet
	// never changes, and clusters share their objects. Only what lives as long as the encoder, or until seen is
	// cleared, may be encoded: another value may come to lie where one was that nobody keeps.
	seen map[address]*ast.Term
	// converted are further such terms, nil for none.
	converted func(address) *ast.Term
}

// address is that of a map's or slice's content.
type address struct {
	pointer uintptr
	len     int
}

// maxShared bounds the texts that are shared, in bytes: names recur, values do not.
const maxShared = 32

// structFields are those of the fleet's types, []structField by reflect.Type.
var structFields sync.Map

type structField struct {
	key       *ast.Term
	index     []int
	omitEmpty bool
}

func newEncoder() *encoder {
	return &encoder{
		texts: map[string]*ast.Term{},
		seen:  map[address]*ast.Term{},
	}
}

func (e *encoder) encode(v any) (*ast.Term, error) {
	return e.typed(reflect.ValueOf(v))
}

// typed encodes a value of a Go type of the fleet.
func (e *encoder) typed(v reflect.Value) (*ast.Term, error) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return ast.InternedNullTerm, nil
		}
		return e.typed(v.Elem())
	case reflect.Struct:
		return e.structure(v)
	case reflect.Map:
		return e.mapping(v)
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.Struct {
			return e.slice(v)
		}
		return e.once(address{v.Pointer(), v.Len()}, func() (*ast.Term, error) { return e.slice(v) })
	case reflect.String:
		return e.text(v.String()), nil
	case reflect.Bool:
		return ast.InternedTerm(v.Bool()), nil
	case reflect.Int, reflect.Int64:
		return number(v.Int()), nil
	case reflect.Interface:
		return e.free(v.Interface())
	default:
		return nil, fmt.Errorf("a %s is no fact", v.Type())
	}
}

func (e *encoder) slice(v reflect.Value) (*ast.Term, error) {
	if v.Len() == 0 {
		return ast.InternedEmptyArray, nil
	}
	items := make([]*ast.Term, v.Len())
	for i := range items {
		item, err := e.typed(v.Index(i))
		if err != nil {
			return nil, err
		}
		items[i] = item
	}
	return ast.ArrayTerm(items...), nil
}

// once encodes what lies at an address, unless it was encoded before. Nothing lies at the address of an empty slice.
func (e *encoder) once(at address, encode func() (*ast.Term, error)) (*ast.Term, error) {
	if at.len == 0 {
		return encode()
	}
	if term, ok := e.seen[at]; ok {
		return term, nil
	}
	if e.converted != nil {
		if term := e.converted(at); term != nil {
			return term, nil
		}
	}
	term, err := encode()
	if err == nil {
		e.seen[at] = term
	}
	return term, err
}

func (e *encoder) structure(v reflect.Value) (*ast.Term, error) {
	fields := fieldsOf(v.Type())
	items := make([][2]*ast.Term, 0, len(fields))
	for _, f := range fields {
		value := v.FieldByIndex(f.index)
		if f.omitEmpty && isEmpty(value) {
			continue
		}
		term, err := e.typed(value)
		if err != nil {
			return nil, err
		}
		items = append(items, [2]*ast.Term{f.key, term})
	}
	return ast.ObjectTerm(items...), nil
}

// fieldsOf are the fields that encoding/json writes, those of embedded structs included.
func fieldsOf(t reflect.Type) []structField {
	if fields, ok := structFields.Load(t); ok {
		return fields.([]structField)
	}
	var fields []structField
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || f.Anonymous || name == "-" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		fields = append(fields, structField{ast.StringTerm(name), f.Index, strings.Contains(options, "omitempty")})
	}
	structFields.Store(t, fields)
	return fields
}

func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	default:
		return v.IsZero()
	}
}

func (e *encoder) mapping(v reflect.Value) (*ast.Term, error) {
	if object, ok := v.Interface().(map[string]any); ok {
		return e.once(address{v.Pointer(), len(object)}, func() (*ast.Term, error) { return e.freeMap(object) })
	}
	if v.Len() == 0 {
		return ast.InternedEmptyObject, nil
	}
	return e.once(address{v.Pointer(), v.Len()}, func() (*ast.Term, error) {
		items := make([][2]*ast.Term, 0, v.Len())
		for it := v.MapRange(); it.Next(); {
			value, err := e.typed(it.Value())
			if err != nil {
				return nil, err
			}
			items = append(items, [2]*ast.Term{e.text(it.Key().String()), value})
		}
		return ast.ObjectTerm(items...), nil
	})
}

// free encodes what a YAML or JSON decoder made.
func (e *encoder) free(v any) (*ast.Term, error) {
	switch v := v.(type) {
	case nil:
		return ast.InternedNullTerm, nil
	case string:
		return e.text(v), nil
	case bool:
		return ast.InternedTerm(v), nil
	case int:
		return number(int64(v)), nil
	case int64:
		return number(v), nil
	case uint64:
		return ast.NumberTerm(json.Number(strconv.FormatUint(v, 10))), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) { // YAML has them, JSON and Rego do not
			return ast.StringTerm(strconv.FormatFloat(v, 'g', -1, 64)), nil
		}
		return ast.NumberTerm(json.Number(strconv.FormatFloat(v, 'g', -1, 64))), nil
	case json.Number:
		return ast.NumberTerm(v), nil
	case map[string]any:
		return e.freeMap(v)
	case []any:
		if len(v) == 0 {
			return ast.InternedEmptyArray, nil
		}
		items := make([]*ast.Term, len(v))
		for i := range v {
			item, err := e.free(v[i])
			if err != nil {
				return nil, err
			}
			items[i] = item
		}
		return ast.ArrayTerm(items...), nil
	default:
		return e.typed(reflect.ValueOf(v))
	}
}

func (e *encoder) freeMap(m map[string]any) (*ast.Term, error) {
	if len(m) == 0 {
		return ast.InternedEmptyObject, nil
	}
	items := make([][2]*ast.Term, 0, len(m))
	for k, v := range m {
		if v == nil { // to an API server, a field that is not there
			continue
		}
		value, err := e.free(v)
		if err != nil {
			return nil, err
		}
		items = append(items, [2]*ast.Term{e.text(k), value})
	}
	return ast.ObjectTerm(items...), nil
}

func (e *encoder) text(s string) *ast.Term {
	if len(s) > maxShared {
		return ast.StringTerm(s)
	}
	if term, ok := e.texts[s]; ok {
		return term
	}
	term := ast.StringTerm(s)
	e.texts[s] = term
	return term
}

func number(n int64) *ast.Term {
	return ast.InternedTerm(int(n))
}
