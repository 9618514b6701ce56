package engine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// violation is what a rule says of a subject. Errors about its form never show its content.
type violation struct {
	message  string
	fix      string
	severity fleet.Severity
	field    []any
	origin   *fleet.Origin
	// line and column count from 1; 0 where the field tells the place.
	line, column int
	related      []violation // message, field and origin only
	edits        []edit
}

// edit is a change that mends what is wrong; its origin is the violation's by default.
type edit struct {
	origin *fleet.Origin
	field  []any
	value  any
}

func readViolation(t *ast.Term) (violation, error) {
	var v violation
	err := eachField(t, func(key string, value *ast.Term) (err error) {
		switch key {
		case "message":
			v.message, err = readText(value)
		case "fix":
			v.fix, err = readText(value)
		case "severity":
			v.severity, err = readSeverity(value)
		case "field":
			v.field, err = readField(value)
		case "origin":
			v.origin, err = readOrigin(value)
		case "line":
			v.line, err = readNumber(value)
		case "column":
			v.column, err = readNumber(value)
		case "related":
			v.related, err = readRelated(value)
		case "edits":
			v.edits, err = readEdits(value)
		default:
			err = errors.New("is unknown")
		}
		return err
	})
	if err == nil && v.message == "" {
		err = errors.New("message is missing")
	}
	if err != nil {
		return violation{}, fmt.Errorf("violation: %w", err)
	}
	return v, nil
}

func readRelated(t *ast.Term) ([]violation, error) {
	list, ok := t.Value.(*ast.Array)
	if !ok {
		return nil, errors.New("must be an array")
	}
	related := make([]violation, list.Len())
	for i := range related {
		v, err := readViolation(list.Elem(i))
		if err != nil {
			return nil, err
		}
		if v.fix != "" || v.severity != "" || v.line != 0 || v.column != 0 || v.related != nil || v.edits != nil {
			return nil, errors.New("may have message, field and origin only")
		}
		related[i] = v
	}
	return related, nil
}

func readEdits(t *ast.Term) ([]edit, error) {
	list, ok := t.Value.(*ast.Array)
	if !ok {
		return nil, errors.New("must be an array")
	}
	edits := make([]edit, list.Len())
	for i := range edits {
		e := &edits[i]
		err := eachField(list.Elem(i), func(key string, value *ast.Term) (err error) {
			switch key {
			case "origin":
				e.origin, err = readOrigin(value)
			case "field":
				e.field, err = readField(value)
			case "value":
				e.value, err = readScalar(value)
			default:
				err = errors.New("is unknown")
			}
			return err
		})
		if err == nil && (e.field == nil || e.value == nil) {
			err = errors.New("must have a field and a value")
		}
		if err != nil {
			return nil, err
		}
	}
	return edits, nil
}

func readScalar(t *ast.Term) (any, error) {
	switch v := t.Value.(type) {
	case ast.String:
		return string(v), nil
	case ast.Boolean:
		return bool(v), nil
	case ast.Number:
		if n, ok := v.Int64(); ok {
			return n, nil
		}
	}
	return nil, errors.New("must be text, true, false or a whole number")
}

func readOrigin(t *ast.Term) (*fleet.Origin, error) {
	var o fleet.Origin
	err := eachField(t, func(key string, value *ast.Term) (err error) {
		switch key {
		case "file":
			s, ok := value.Value.(ast.String)
			if o.File = string(s); !ok {
				err = errors.New("must be text")
			}
		case "document":
			o.Document, err = readNumber(value)
		case "field":
			o.Field, err = readField(value)
		default:
			err = errors.New("is unknown")
		}
		return err
	})
	return &o, err
}

func readNumber(t *ast.Term) (int, error) {
	if n, ok := t.Value.(ast.Number); ok {
		if i, ok := n.Int(); ok {
			return i, nil
		}
	}
	return 0, errors.New("must be a whole number")
}

// readField reads a path of keys and indexes. An empty one is nil.
func readField(t *ast.Term) ([]any, error) {
	list, ok := t.Value.(*ast.Array)
	if !ok {
		return nil, errors.New("must be an array")
	}
	var path []any
	for i := range list.Len() {
		switch v := list.Elem(i).Value.(type) {
		case ast.String:
			path = append(path, string(v))
		case ast.Number:
			n, ok := v.Int()
			if !ok || n < 0 {
				return nil, errors.New("has an index that is no whole number")
			}
			path = append(path, n)
		default:
			return nil, errors.New("must hold names and indexes only")
		}
	}
	return path, nil
}

func readSeverity(t *ast.Term) (fleet.Severity, error) {
	s, _ := t.Value.(ast.String)
	severity := fleet.Severity(s)
	if !slices.Contains([]fleet.Severity{fleet.Error, fleet.Warning, fleet.Info}, severity) {
		return "", errors.New("must be error, warning or info")
	}
	return severity, nil
}

func readText(t *ast.Term) (string, error) {
	s, ok := t.Value.(ast.String)
	if !ok || s == "" {
		return "", errors.New("must be text")
	}
	return string(s), nil
}

// eachField reads an object with read, in the order of its keys.
func eachField(t *ast.Term, read func(key string, value *ast.Term) error) error {
	object, ok := t.Value.(ast.Object)
	if !ok {
		return errors.New("must be an object")
	}
	return object.Iter(func(k, v *ast.Term) error {
		key, ok := k.Value.(ast.String)
		if !ok {
			return errors.New("has a key that is no text")
		}
		if err := read(string(key), v); err != nil {
			return fmt.Errorf("%s %w", string(key), err)
		}
		return nil
	})
}
