// Package edit changes single fields of YAML and JSON files and leaves every other byte as it is: comments,
// quotes, indentation, line ends. The place is found through the parser's nodes and the text is changed there; no
// document is ever written anew.
// Whatever the text looks like, an edit holds only if it can be proven: the documents are decoded before and
// after, and must differ in that field and nowhere else. Every error of this package says why an edit is
// refused; none shows a value.
package edit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// Apply makes the edits in a file's content, one after the other. All of them hold, or it is an error.
func Apply(data []byte, edits []fleet.Edit) ([]byte, error) {
	for _, e := range edits {
		changed, err := apply(data, e)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", dotted(e.Path()), err)
		}
		data = changed
	}
	return data, nil
}

func apply(data []byte, e fleet.Edit) ([]byte, error) {
	roots, err := parse(data)
	if err != nil {
		return nil, err
	}
	if e.Origin.Document < 0 || e.Origin.Document >= len(roots) || roots[e.Origin.Document] == nil {
		return nil, errors.New("the file has no such document")
	}
	want, err := decode(roots)
	if err != nil {
		return nil, err
	}
	at, err := find(roots[e.Origin.Document], e.Path())
	if err != nil {
		return nil, err
	}
	if want[e.Origin.Document], err = set(want[e.Origin.Document], e.Path(), decoded(e.Value)); err != nil {
		return nil, err
	}
	ways, err := newText(data).splices(at, e.Value)
	if err != nil {
		return nil, err
	}
	for _, way := range ways {
		if changed := way.in(data); proves(changed, want) {
			return changed, nil
		}
	}
	return nil, errors.New("it cannot be changed here without changing something else")
}

// proves is true where the text holds just what is wanted.
func proves(data []byte, want []any) bool {
	roots, err := parse(data)
	if err != nil {
		return false
	}
	got, err := decode(roots)
	return err == nil && reflect.DeepEqual(got, want)
}

// parse reads the root of each document, nil for an empty one. What is encrypted is refused: its message authentication
// code covers every value in it.
func parse(data []byte) (roots []*yaml.Node, err error) {
	defer func() {
		if recover() != nil { // the parser recovers its own panics only
			err = errNotYAML
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var doc yaml.Node
		if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
			return roots, nil
		} else if err != nil {
			return nil, errNotYAML
		}
		if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
			roots = append(roots, nil)
			continue
		}
		root := doc.Content[0]
		switch {
		case secret.IsBomb(root):
			return nil, errNotYAML
		case secret.Encryption(root) != nil:
			return nil, errors.New("the file is encrypted with SOPS")
		}
		roots = append(roots, root)
	}
}

var errNotYAML = errors.New("the file cannot be read as YAML")

func decode(roots []*yaml.Node) (values []any, err error) {
	defer func() {
		if recover() != nil {
			err = errNotYAML
		}
	}()
	values = make([]any, len(roots))
	for i, root := range roots {
		if root == nil {
			continue
		}
		if err := root.Decode(&values[i]); err != nil {
			return nil, errNotYAML // a key that occurs twice, for example
		}
	}
	return values, nil
}

// decoded is a value as the YAML library decodes it.
func decoded(value any) any {
	if n, ok := value.(int64); ok {
		return int(n)
	}
	return value
}

// set is the content with another value at a path. The content itself is not changed.
func set(content any, path []any, value any) (any, error) {
	if len(path) == 0 {
		return value, nil
	}
	switch step := path[0].(type) {
	case string:
		switch at := content.(type) {
		case []any:
			if step == appendStep && len(path) == 1 {
				return append(at[:len(at):len(at)], value), nil
			}
		case map[string]any:
			return setKey(at, step, path[1:], value)
		case map[any]any:
			return setKey(at, step, path[1:], value)
		case nil:
			if step == appendStep && len(path) == 1 {
				return []any{value}, nil
			}
			return setKey(map[string]any{}, step, path[1:], value)
		}
	case int:
		if at, ok := content.([]any); ok && step >= 0 && step < len(at) {
			entry, err := set(at[step], path[1:], value)
			if err != nil {
				return nil, err
			}
			changed := append([]any{}, at...)
			changed[step] = entry
			return changed, nil
		}
	}
	return nil, errNoPlace
}

func setKey[K comparable](at map[K]any, key any, rest []any, value any) (any, error) {
	k, ok := key.(K)
	if !ok {
		return nil, errNoPlace
	}
	entry, err := set(at[k], rest, value)
	if err != nil {
		return nil, err
	}
	changed := make(map[K]any, len(at)+1)
	for other, content := range at {
		changed[other] = content
	}
	changed[k] = entry
	return changed, nil
}

// appendStep is the step to a new entry after the last one of a list.
const appendStep = "-"

var errNoPlace = errors.New("there is no such place")

// dotted is a path for people: spec.placement.clusterNames[2].
func dotted(path []any) string {
	var b strings.Builder
	for _, step := range path {
		switch step := step.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", step)
		default:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			fmt.Fprint(&b, step)
		}
	}
	return strings.TrimSuffix(b.String(), "."+appendStep)
}
