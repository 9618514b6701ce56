package report

import (
	"bytes"
	"cmp"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// mask says what of a file's lines must not be shown. It rests on the structure of the text and not on what a line
// looks like: the second line of a password may look like anything.
type mask struct {
	// opaque: the text has no structure, being no YAML, and speaks of secrets, so that no line of it is shown.
	opaque bool
	// structured: the text has leaves.
	structured bool
	leaves     []leaf // in the order of the text
	secrets    bool   // one of the leaves is secret
}

// leaf is a value in the text, from its line and column (both from 1) to its last line.
type leaf struct {
	from, column, to int
	// secret: the value is secret material in the clear.
	secret bool
	// harmless: the value names things and is no secret wherever it stands.
	harmless bool
	// name is the length of NAME= in a kustomize generator's NAME=value.
	name int
}

// aboutSecrets are the words that text without structure is judged by.
var aboutSecrets = regexp.MustCompile(`(?i)secret|passw|passphrase|token|credential|private|kubeconfig|key-data|api[-_.]?key|stringData|BEGIN `)

// newMask reads the structure of a file's text.
func newMask(name string, data []byte, lines []string) *mask {
	documents, ok := parse(data)
	if !ok {
		return &mask{opaque: aboutSecrets.Match(data)}
	}
	m := &mask{structured: true}
	kustomization := slices.Contains([]string{"kustomization.yaml", "kustomization.yml", "Kustomization"}, path.Base(name))
	var starts []*yaml.Node
	values := map[*yaml.Node]leaf{}
	for _, document := range documents {
		root := document.Content[0]
		secrets := secretNodes(root, kustomization)
		walk(root, "", func(n *yaml.Node, key string, isValue bool) {
			starts = append(starts, n)
			if isValue {
				l := leaf{from: n.Line, column: n.Column, secret: secrets[n], harmless: namesThings(key)}
				if key == "literals" {
					l.name = len(assignment.FindString(n.Value))
				}
				values[n] = l
			}
		})
	}
	for i, n := range starts {
		value, ok := values[n]
		if !ok {
			continue
		}
		value.to = len(lines)
		if i+1 < len(starts) {
			value.to = max(value.from, lastLine(starts[i+1], lines))
		}
		m.leaves = append(m.leaves, value)
		m.secrets = m.secrets || value.secret
	}
	return m
}

// visible is how many characters of a line may be shown; false: all of them.
func (m *mask) visible(line int, runes []rune, rule string) (int, bool) {
	// A rule about secrets may know of one that is none by its looks.
	strict := strings.HasPrefix(rule, "secret-") || strings.HasPrefix(rule, "agent-credentials-")
	indent := len(runes) - len([]rune(strings.TrimLeft(string(runes), " \t")))
	if m.opaque || strict && !m.structured {
		return indent, true
	}
	first, _ := slices.BinarySearchFunc(m.leaves, line, func(l leaf, line int) int { return cmp.Compare(l.to, line) })
	for _, l := range m.leaves[first:] {
		if l.from > line {
			break
		}
		if !l.secret && (!strict || l.harmless) {
			continue
		}
		if l.from < line {
			return indent, true
		}
		return min(l.column-1+l.name, len(runes)), true
	}
	// What is commented out beside a secret is often the secret.
	if strict || m.secrets {
		if i := comment(runes); i >= 0 {
			return i, true
		}
	}
	return 0, false
}

// comment is where a line's comment begins, -1 where it has none or one that is meant for this program.
func comment(runes []rune) int {
	for i, r := range runes {
		if r == '#' && (i == 0 || runes[i-1] == ' ' || runes[i-1] == '\t') {
			if strings.HasPrefix(strings.TrimLeft(string(runes[i+1:]), " "), "rollcall:") {
				return -1
			}
			return i
		}
	}
	return -1
}

// parse reads all YAML documents that hold something.
func parse(data []byte) (documents []*yaml.Node, ok bool) {
	defer func() {
		if recover() != nil { // the YAML library's parser panics on some malformed input
			documents, ok = nil, false
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var n yaml.Node
		switch err := dec.Decode(&n); {
		case err == io.EOF:
			return documents, true
		case err != nil:
			return nil, false
		}
		if len(n.Content) > 0 {
			documents = append(documents, &n)
		}
	}
}

// walk visits the keys and values of a document in the order of the text. An alias is a value of its own.
func walk(n *yaml.Node, key string, visit func(n *yaml.Node, key string, isValue bool)) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			k := n.Content[i]
			if k.Kind == yaml.ScalarNode {
				visit(k, "", false)
			} else {
				walk(k, "", visit)
			}
			walk(n.Content[i+1], k.Value, visit)
		}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			walk(item, key, visit)
		}
	default:
		visit(n, key, true)
	}
}

// lastLine is the last line that can belong to what stands before n: n's own where anything else stands before it
// there.
func lastLine(n *yaml.Node, lines []string) int {
	if n.Line < 1 || n.Line > len(lines) {
		return len(lines)
	}
	before := lines[n.Line-1]
	for range max(0, utf8.RuneCountInString(before)-n.Column+1) {
		_, size := utf8.DecodeLastRuneInString(before)
		before = before[:len(before)-size]
	}
	if strings.Trim(before, " \t-?") == "" {
		return n.Line - 1
	}
	return n.Line
}

// namesThings is true of keys whose values name things, in a Secret too.
func namesThings(key string) bool {
	return slices.Contains([]string{"apiVersion", "kind", "name", "namespace", "path", "type"}, key)
}

var assignment = regexp.MustCompile(`^[A-Za-z_.][A-Za-z0-9_.-]*=`)

// secretNodes are the values that are, or may hold, secret material in the clear: what the loader takes for such, what
// the facts hide, and everything in a Secret, whatever form it has.
func secretNodes(root *yaml.Node, kustomization bool) map[*yaml.Node]bool {
	found := map[*yaml.Node]bool{}
	entries := index{}
	for _, v := range secret.Values(root, kustomization) {
		mark(entries.at(root, v.Field), found)
	}
	markSecrets(root, found)
	for _, n := range secret.Hidden(root) {
		mark(n, found)
	}
	return found
}

// markSecrets marks what Secrets hold, in lists and elsewhere inside other documents too.
func markSecrets(n *yaml.Node, found map[*yaml.Node]bool) {
	if n.Kind == yaml.MappingNode {
		isSecret := false
		for i := 0; i+1 < len(n.Content); i += 2 {
			isSecret = isSecret || n.Content[i].Value == "kind" && n.Content[i+1].Value == "Secret"
		}
		for i := 0; isSecret && i+1 < len(n.Content); i += 2 {
			if key := n.Content[i].Value; key == "data" || key == "stringData" {
				mark(n.Content[i+1], found)
			}
		}
	}
	for _, c := range n.Content {
		markSecrets(c, found)
	}
}

// index finds the values of mappings by key; the mappings of a Secret may be large.
type index map[*yaml.Node]map[string]*yaml.Node

// at follows a field as far as it leads; what merge keys bring along is taken as a whole.
func (x index) at(n *yaml.Node, field []any) *yaml.Node {
	for _, step := range field {
		next := x.child(n, step)
		if next == nil {
			return n
		}
		n = next
	}
	return n
}

func (x index) child(n *yaml.Node, step any) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if key, ok := step.(string); ok && n.Kind == yaml.MappingNode {
		values := x[n]
		if values == nil {
			values = map[string]*yaml.Node{}
			for i := 0; i+1 < len(n.Content); i += 2 {
				key := n.Content[i].Value
				if _, twice := values[key]; twice {
					values[key] = n // either may be meant
				} else {
					values[key] = n.Content[i+1]
				}
			}
			x[n] = values
		}
		if value := values[key]; value != nil {
			return value
		}
		return values["<<"]
	}
	if i, ok := fleet.Index(step); ok && n.Kind == yaml.SequenceNode && i >= 0 && i < len(n.Content) {
		return n.Content[i]
	}
	return nil
}

// inTheOpen is a value that may be shown wherever it stands: a variable with nothing beside it, or SOPS ciphertext.
var inTheOpen = regexp.MustCompile(`^(\$\{[A-Za-z_][A-Za-z0-9_]*\}|ENC\[AES256_GCM,[A-Za-z0-9+/=,:]*\])$`)

// mark marks all values in and behind n, each once.
func mark(n *yaml.Node, found map[*yaml.Node]bool) {
	if found[n] || n.Kind == yaml.ScalarNode && inTheOpen.MatchString(n.Value) {
		return
	}
	found[n] = true
	if n.Kind == yaml.AliasNode {
		mark(n.Alias, found)
	}
	for _, c := range n.Content {
		mark(c, found)
	}
}
