package secret

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// generators reports the literals of secretGenerator; what its files hold is for Literals.
func (c *collector) generators(n *yaml.Node, field []any) {
	if n == nil || n.Kind != yaml.SequenceNode {
		return
	}
	for i, entry := range n.Content {
		literals := get(resolve(entry), "literals")
		if literals == nil || literals.Kind != yaml.SequenceNode {
			continue
		}
		for j, item := range literals.Content {
			if item = resolve(item); item.Kind != yaml.ScalarNode {
				continue
			}
			key, value, _ := strings.Cut(item.Value, "=")
			class, length := Classify(key, Unquote(value))
			c.report(append(field, i, "literals", j), "generator", class, length)
		}
	}
}

// Unquote takes quotes off as kustomize does: both or none.
// Source: kustomize api v0.21.1 kv/kv.go removeQuotes.
func Unquote(value string) string {
	if n := len(value); n > 1 && value[0] == value[n-1] && (value[0] == '"' || value[0] == '\'') {
		return value[1 : n-1]
	}
	return value
}

// patches reports what inline patches put into Secrets, each leaf at the patch, and looks through the others.
func (c *collector) patches(n *yaml.Node, field []any) {
	if n.Kind != yaml.SequenceNode {
		c.visit(n, field)
		return
	}
	for i, item := range n.Content {
		at := append(field, i)
		entry, text := resolve(item), resolve(item)
		if entry.Kind == yaml.MappingNode {
			text = get(entry, "patch")
		}
		found := false
		if text != nil && text.Kind == yaml.ScalarNode {
			if text != entry {
				at = append(at, "patch")
			}
			for _, v := range patchValues(text.Value, scalar(get(entry, "target"), "kind")) {
				v.Field, v.In = slices.Concat(at, v.Field), "patch"
				c.values, found = append(c.values, v), true
			}
		}
		if !found {
			c.visit(item, at[:len(field)+1])
		}
	}
}

// patchValues are the leaves that a patch puts into Secrets: a strategic merge patch of one, or JSON patch operations
// on data where the target is one. Another patch has none.
func patchValues(patch, target string) []fleet.Value {
	if target != "Secret" && !strings.Contains(patch, "Secret") {
		return nil
	}
	var c collector
	eachDocument(patch, func(root *yaml.Node) {
		switch {
		case root.Kind == yaml.SequenceNode && target == "Secret":
			c.operations(root)
		case root.Kind == yaml.MappingNode && target == "Secret" && scalar(root, "kind") == "":
			c.secret(root, nil)
		default:
			c.visit(root, nil)
		}
	})
	values := c.values[:0]
	for _, v := range c.values {
		if v.In == "Secret" {
			values = append(values, v)
		}
	}
	return values
}

func (c *collector) operations(patch *yaml.Node) {
	for i, op := range patch.Content {
		op = resolve(op)
		value := get(op, "value")
		if value == nil {
			continue
		}
		path := scalar(op, "path")
		top, key, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		if top == "data" || top == "stringData" {
			c.data(value, []any{i, "value"}, key, top == "data")
		}
	}
}

// documentValues are the values of all documents of a text.
func documentValues(text string) []fleet.Value {
	var all []fleet.Value
	eachDocument(text, func(root *yaml.Node) {
		var c collector
		c.visit(root, nil)
		all = append(all, c.values...)
	})
	return all
}

// maxInline bounds a document inside a document, in bytes.
const maxInline = 1 << 20

// eachDocument calls do for the root of each YAML document of a text, up to the first that does not parse.
func eachDocument(text string, do func(root *yaml.Node)) {
	if len(text) > maxInline {
		return
	}
	eachRoot([]byte(text), do)
}

func nextDocument(decoder *yaml.Decoder) (root *yaml.Node, err error) {
	defer func() {
		if recover() != nil { // the parser recovers its own panics only
			err = errors.New("parse YAML: the parser gave up")
		}
	}()
	var doc yaml.Node
	if err := decoder.Decode(&doc); err != nil {
		return nil, err
	}
	return content(&doc), nil
}

// Literals are the values in a file that a secretGenerator reads, or that is no YAML. The kind is "envs" for lines of
// KEY=value, each a value with the field [KEY]; with any other, the file is one value without a field, In "file". A
// file that SOPS encrypted has none.
//
// Source: kustomize api v0.21.1 kv/kv.go keyValuesFromLine.
func Literals(text []byte, kind string) []fleet.Value {
	if _, found := HasPrivateKey(text); !found && isEncryptedFile(string(text)) {
		return nil
	}
	if kind != "envs" {
		class, length := Classify("", string(text))
		return []fleet.Value{{In: "file", Class: class, Length: length}}
	}
	var values []fleet.Value
	for line := range strings.Lines(string(bytes.TrimPrefix(text, []byte("\ufeff")))) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		class, length := Classify(key, Unquote(value))
		values = append(values, fleet.Value{Field: []any{key}, In: "generator", Class: class, Length: length})
	}
	return values
}

// isEncryptedFile is true for the text of a file that SOPS encrypted, in any of its formats.
// Source: fluxcd/kustomize-controller v1.9.4 internal/decryptor/decryptor.go, the format markers.
func isEncryptedFile(text string) bool {
	if !strings.Contains(text, leafPrefix) {
		return false
	}
	for _, marker := range []string{"sops_mac=ENC[", "[sops]", `"mac": "ENC[`, `"mac":"ENC[`, "mac: ENC["} {
		if strings.Contains(text, marker) {
			return true
		}
	}
	return false
}
