package edit_test

import (
	"bytes"
	"io"
	"reflect"
	"slices"
	"testing"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/edit"
	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Whatever the file looks like, an edit that is not refused changes one value and no other, in one place of the text:
// what is cut out is a value on one line at most.
func FuzzApply(f *testing.F) {
	for _, in := range []string{
		"a:\n  b: 1 # one\n  c: [x, y]\n---\nd: {e: f}\n",
		"\ufeffa: &x\r\n  b:\r\n  - 'c' # d\r\n  - *y",
		"a:\n  b: |+\n    x\n\n  # y\n",
		"{\n  \"a\": {\"b\": [1, {\"c\": null}]}\n}",
		"? [a]\n: b\n<<: {a: {b: c}}\n",
		"a:\n- b: \"x\n  y\"\n- b\u2028: z\n",
		"spec: &s\n  l:\n  - - a\n    - {b: }\n  t: !!str x\n  u: >\n   v\nw: {<<: *s}\n",
	} {
		for _, value := range []string{"v", "12", "no", "a: b # c", "x\ny", "\u00a0\t"} {
			f.Add([]byte(in), value)
		}
	}
	f.Fuzz(func(t *testing.T, in []byte, value string) {
		before, err := decodeAll(in)
		if err != nil {
			before = []any{nil}
		}
		for document := range before {
			for _, field := range fields(before[document]) {
				got, refused := edit.Apply(in, []fleet.Edit{{Origin: fleet.Origin{Document: document}, Field: field,
					Value: value}})
				if refused == nil {
					checkEdit(t, in, got, document, field, value)
				}
			}
		}
	})
}

func checkEdit(t *testing.T, in, got []byte, document int, field []any, value string) {
	t.Helper()
	before, err := decodeAll(in)
	if err != nil {
		t.Fatalf("%q is no YAML and became %q", in, got)
	}
	after, err := decodeAll(got)
	if err != nil || len(after) != len(before) {
		t.Fatalf("%v of %q in %q: %q: %v", field, value, in, got, err)
	}
	if !differsAt(before[document], after[document], field, value) {
		t.Fatalf("%v of %q in %q: %q", field, value, in, got)
	}
	before[document], after[document] = nil, nil
	if !reflect.DeepEqual(before, after) {
		t.Fatalf("%v of %q in %q changed another document: %q", field, value, in, got)
	}
	if cut := cutOut(in, got); bytes.ContainsAny(cut, "\r\n") {
		t.Fatalf("%v of %q in %q cut out %q: %q", field, value, in, cut, got)
	}
}

// fields are ones that a document has, and ones that it has not, a hundred at most.
func fields(content any) [][]any {
	all := [][]any{{"new"}, {"new", "-"}, {0}}
	var walk func(content any, field []any)
	walk = func(content any, field []any) {
		if len(all) > 100 {
			return
		}
		all = append(all, slices.Clone(field), append(slices.Clone(field), "new", "newer"),
			append(slices.Clone(field), "-"))
		switch content := content.(type) {
		case map[string]any:
			for key, value := range content {
				walk(value, append(field, key))
			}
		case map[any]any:
			for key, value := range content {
				if name, ok := key.(string); ok {
					walk(value, append(field, name))
				}
			}
		case []any:
			for i, value := range content {
				walk(value, append(field, i))
			}
		}
	}
	walk(content, nil)
	return slices.DeleteFunc(all, func(field []any) bool { return len(field) == 0 })
}

func decodeAll(data []byte) (all []any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = io.ErrUnexpectedEOF
		}
	}()
	for dec := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var v any
		if err := dec.Decode(&v); err == io.EOF {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
}

// differsAt walks down a field: all beside it must be equal, and what it leads to must be the value.
func differsAt(before, after any, field []any, value any) bool {
	if len(field) == 0 {
		return after == value
	}
	switch after := after.(type) {
	case map[string]any:
		old, _ := before.(map[string]any)
		for key := range old {
			if _, kept := after[key]; !kept {
				return false
			}
		}
		for key, now := range after {
			if key != field[0] && !reflect.DeepEqual(now, old[key]) {
				return false
			}
		}
		key, ok := field[0].(string)
		return ok && (old != nil || before == nil) && differsAt(old[key], after[key], field[1:], value)
	case map[any]any:
		old, _ := before.(map[any]any)
		for key, now := range after {
			if key != field[0] && !reflect.DeepEqual(now, old[key]) {
				return false
			}
		}
		return len(old) <= len(after) && differsAt(old[field[0]], after[field[0]], field[1:], value)
	case []any:
		old, _ := before.([]any)
		at, ok := field[0].(int)
		if !ok { // a further entry
			return field[0] == "-" && len(field) == 1 && len(after) == len(old)+1 && after[len(old)] == value &&
				reflect.DeepEqual(append([]any{}, old...), after[:len(old)])
		}
		for i, now := range after {
			if i != at && !reflect.DeepEqual(now, old[i]) {
				return false
			}
		}
		return len(old) == len(after) && differsAt(old[at], after[at], field[1:], value)
	}
	return false
}

// cutOut is what of the text before is not in the text after.
func cutOut(before, after []byte) []byte {
	for len(before) > 0 && len(after) > 0 && before[0] == after[0] {
		before, after = before[1:], after[1:]
	}
	for len(before) > 0 && len(after) > 0 && before[len(before)-1] == after[len(after)-1] {
		before, after = before[:len(before)-1], after[:len(after)-1]
	}
	return before
}
