package report

import (
	"bytes"
	"cmp"
	"io"
	"math"
	"path"
	"regexp"
	"slices"
	"strings"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// mask says what of a file's lines must not be shown. It rests on the structure of the text and not on what a line
// looks like: the second line of a password may look like anything.
type mask struct {
	// structured: the text is YAML and has leaves. Of any other text no more is shown than the key of a line.
	structured bool
	lines      []string
	leaves     []leaf // in the order of the text
	// begun is the line that lastLine looked at last, and blank how many characters stand before what it holds.
	begun, blank int
	// parsed counts what was parsed for the keys of lines, in bytes.
	parsed int
}

// maxParsed bounds what is parsed for the keys of lines, in bytes, since each takes the text before
// it: beyond it none is shown.
const maxParsed = 16 << 20

// leaf is a value in the text, from its line and column (both from 1) to its last line.
type leaf struct {
	from, column, to int
	// secret: the value is secret material in the clear, or no short word.
	secret bool
	// harmless: the value names things and is no secret wherever it stands.
	harmless bool
	// name is the length of NAME= in a kustomize generator's NAME=value.
	name int
}

// newMask reads the structure of a file's text.
func newMask(name string, data []byte, lines []string) *mask {
	documents, ok := parse(data)
	m := &mask{structured: ok && !slices.ContainsFunc(documents, isScalar), lines: lines}
	if !m.structured {
		return m
	}
	kustomization := slices.Contains([]string{"kustomization.yaml", "kustomization.yml", "Kustomization"},
		path.Base(name))
	var starts []*yaml.Node
	values := map[*yaml.Node]leaf{}
	for _, document := range documents {
		root := document.Content[0]
		secrets := secretNodes(root, kustomization)
		walk(root, "", func(n *yaml.Node, key string, isValue bool) {
			starts = append(starts, n)
			if !isValue && secret.Name(n.Value) != n.Value {
				values[n] = leaf{from: n.Line, column: n.Column, secret: true}
			}
			if isValue {
				// A patch of one word is none, and may be anything.
				l := leaf{from: n.Line, column: n.Column, secret: secrets[n] || key == "patch" || !isWord(n.Value),
					harmless: namesThings(key)}
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
			value.to = max(value.from, m.lastLine(starts[i+1]))
		}
		m.leaves = append(m.leaves, value)
	}
	return m
}

// isStrict is true of a rule that may know of a secret that is none by its looks, and of one about a file that cannot
// be read as it was meant, which may hold anything.
func isStrict(rule string) bool {
	return rule == "file-parses" || strings.HasPrefix(rule, "secret-") || strings.HasPrefix(rule, "agent-credentials-")
}

// visible is how many characters of a line may be shown; false: all of them.
func (m *mask) visible(line int, runes []rune, strict bool) (int, bool) {
	indent := len(runes) - len([]rune(strings.TrimLeft(string(runes), " \t")))
	if string(runes) == "---" {
		return 0, false
	}
	if !m.structured {
		return m.key(line, indent), true
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
	// What is commented out is often a secret.
	if i := comment(runes); i >= 0 {
		return i, true
	}
	return 0, false
}

// keyed is a line that may begin with a key.
var keyed = regexp.MustCompile(`^[ -]*([A-Za-z_][A-Za-z0-9_.-]*): ?`)

// key is where the key of a line ends in a text that is no YAML, or where the line begins if it is not sure to have
// one: what stands before it must be YAML, and must still be with the key.
func (m *mask) key(line, indent int) int {
	text := m.lines[line-1]
	found := keyed.FindStringSubmatchIndex(text)
	if found == nil || !isWord(text[found[2]:found[3]]) {
		return indent
	}
	before := strings.Join(m.lines[:line-1], "\n")
	if m.parsed += len(before); m.parsed > maxParsed {
		return indent
	}
	if _, ok := parse([]byte(before)); !ok {
		return indent
	}
	documents, ok := parse([]byte(strings.Join(append(m.lines[:line-1:line-1], text[:found[1]]), "\n")))
	if !ok || len(documents) == 0 {
		return indent
	}
	end := indent
	walk(documents[len(documents)-1].Content[0], "", func(n *yaml.Node, _ string, isValue bool) {
		if n.Line == line && !isValue && n.Column == found[2]+1 {
			end = found[1]
		}
	})
	return end
}

// isScalar is true for a document that is one value.
func isScalar(document *yaml.Node) bool { return document.Content[0].Kind == yaml.ScalarNode }

// isWord is true for a short word, name or path, which may be shown where nothing else makes a secret of it.
func isWord(text string) bool {
	return secret.Name(text) == text && !strings.ContainsAny(text, " \t")
}

// comment is where a line's comment begins, -1 where it has none or one that is meant for this program.
func comment(runes []rune) int {
	for i, r := range runes {
		if r == '#' && (i == 0 || runes[i-1] == ' ' || runes[i-1] == '\t') {
			text := strings.TrimSpace(string(runes[i:]))
			if strings.HasPrefix(strings.TrimLeft(text[1:], " "), "rollcall:") && secret.Message(text) == text {
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
func (m *mask) lastLine(n *yaml.Node) int {
	if n.Line < 1 || n.Line > len(m.lines) {
		return len(m.lines)
	}
	if n.Line != m.begun { // many nodes may be on one line
		text := m.lines[n.Line-1]
		m.begun, m.blank = n.Line, len(text)-len(strings.TrimLeft(text, " \t-?"))
		if m.blank == len(text) {
			m.blank = math.MaxInt
		}
	}
	if n.Column-1 <= m.blank {
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
