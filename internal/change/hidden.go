package change

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"reflect"
	"slices"
	"strings"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// hidden finds out whether values differ that are not shown, and that are of the same class and length: in the
// files that they come from.
type hidden struct {
	before, after fs.FS
	changed       map[string]bool
	documents     map[string][]any // by file, with a sign of the side before
}

func newHidden(before, after fs.FS, changed []string) *hidden {
	h := &hidden{before: before, after: after, changed: map[string]bool{}, documents: map[string][]any{}}
	for _, name := range changed {
		h.changed[name] = true
	}
	return h
}

// differences are the fields of two objects whose values are not shown and differ where they come from, though all that
// is shown of them is the same.
func (h *hidden) differences(before, after *fleet.Object) (fields []Field) {
	a, b := before.Origin, after.Origin
	if isGenerator(b.Field) && isGenerator(a.Field) {
		return h.generated(before, after)
	}
	if !h.changed[a.File] && a.File == b.File || !holdsRedacted(before.Content) {
		return nil
	}
	x, y := h.document("-", h.before, a), h.document("+", h.after, b)
	if x == nil || y == nil {
		return nil
	}
	eachRedacted("", nil, before.Content, func(path string, at []any, value any) {
		other, here := lookUp(after.Content, at)
		if !here || !reflect.DeepEqual(value, other) {
			return // which the fields say
		}
		p, inBefore := lookUp(x, at)
		q, inAfter := lookUp(y, at)
		if inBefore && inAfter && !reflect.DeepEqual(p, q) && len(fields) < maxFields {
			fields = append(fields, Field{Path: path, Before: value, After: value, Hidden: true})
		}
	})
	return fields
}

func isGenerator(field fleet.Field) bool {
	if len(field) != 2 {
		return false
	}
	name, _ := field[0].(string)
	return name == "secretGenerator" || name == "configMapGenerator"
}

// generated are the entries of a generated Secret that may differ, because a file or a literal of its generator does.
func (h *hidden) generated(before, after *fleet.Object) []Field {
	if !holdsRedacted(after.Content) || !h.generatorDiffers(before.Origin, after.Origin) {
		return nil
	}
	var fields []Field
	eachRedacted("", nil, after.Content, func(path string, at []any, value any) {
		if other, here := lookUp(before.Content, at); here && reflect.DeepEqual(value, other) &&
			len(fields) < maxFields {
			fields = append(fields, Field{Path: path, Before: value, After: value, Hidden: true})
		}
	})
	return fields
}

func (h *hidden) generatorDiffers(a, b fleet.Origin) bool {
	x, _ := h.document("-", h.before, a).(map[string]any)
	y, _ := h.document("+", h.after, b).(map[string]any)
	if !reflect.DeepEqual(x, y) {
		return true
	}
	for _, key := range []string{"files", "envs"} {
		list, _ := y[key].([]any)
		for _, entry := range list {
			text, _ := entry.(string)
			_, name, named := strings.Cut(text, "=")
			if !named {
				name = text
			}
			if h.changed[path.Join(path.Dir(b.File), name)] {
				return true
			}
		}
	}
	name, _ := y["env"].(string)
	return name != "" && h.changed[path.Join(path.Dir(b.File), name)]
}

// document is what an origin leads to; nil where it cannot be read.
func (h *hidden) document(sign string, fsys fs.FS, o fleet.Origin) any {
	all, known := h.documents[sign+o.File]
	if !known {
		all = readDocuments(fsys, o.File)
		h.documents[sign+o.File] = all
	}
	if o.Document < 0 || o.Document >= len(all) {
		return nil
	}
	value := all[o.Document]
	for _, step := range o.Field {
		if key, ok := step.(string); ok {
			m, _ := value.(map[string]any)
			value = m[key]
			continue
		}
		i, _ := fleet.Index(step)
		list, _ := value.([]any)
		if i < 0 || i >= len(list) {
			return nil
		}
		value = list[i]
	}
	return value
}

func readDocuments(fsys fs.FS, name string) (all []any) {
	defer func() {
		if recover() != nil { // the YAML library's parser panics on some malformed input
			all = nil
		}
	}()
	data, err := fs.ReadFile(fsys, name)
	if err != nil || len(data) > maxText {
		return nil
	}
	for d := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var value any
		switch err := d.Decode(&value); {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			return nil
		}
		all = append(all, value)
	}
}

// hides is true for what stands in the place of a value, and for a text in which something does: a patch, an address.
func hides(value any) bool {
	text, _ := value.(string)
	return isRedacted(value) || strings.Contains(text, "$class") || strings.Contains(text, "…")
}

func holdsRedacted(value any) bool {
	if hides(value) {
		return true
	}
	switch v := value.(type) {
	case map[string]any:
		for _, inner := range v {
			if holdsRedacted(inner) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, holdsRedacted)
	}
	return false
}

// eachRedacted does something with each value that is not shown.
func eachRedacted(path string, at []any, value any, do func(path string, at []any, value any)) {
	if hides(value) {
		do(path, at, value)
		return
	}
	switch v := value.(type) {
	case map[string]any:
		for _, key := range sortedKeys(v) {
			eachRedacted(join(path, key), append(slices.Clone(at), key), v[key], do)
		}
	case []any:
		for i, entry := range v {
			eachRedacted(fmt.Sprintf("%s[%d]", path, i), append(slices.Clone(at), i), entry, do)
		}
	}
}

// lookUp is the value at a field; false where there is none.
func lookUp(value any, at []any) (any, bool) {
	for _, step := range at {
		if i, ok := step.(int); ok {
			list, _ := value.([]any)
			if i >= len(list) {
				return nil, false
			}
			value = list[i]
			continue
		}
		m, _ := value.(map[string]any)
		inner, ok := m[step.(string)]
		if !ok {
			return nil, false
		}
		value = inner
	}
	return value, true
}

// textAt is the text below keys; empty for none.
func textAt(value any, keys ...any) string {
	inner, _ := lookUp(value, keys)
	text, _ := inner.(string)
	return text
}
