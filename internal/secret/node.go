package secret

import (
	"iter"
	"slices"

	yaml "sigs.k8s.io/yaml/goyaml.v3"
)

// content is the root node of a document; nil where it has none.
func content(doc *yaml.Node) *yaml.Node {
	if doc != nil && doc.Kind == yaml.DocumentNode {
		if len(doc.Content) == 0 {
			return nil
		}
		doc = doc.Content[0]
	}
	return resolve(doc)
}

// MaxExpansion bounds what aliases add to a document, in nodes; 32 bytes of text count as one more.
const MaxExpansion = 100_000

// IsBomb is true for a document whose aliases expand without a reasonable end. Everything that follows aliases asks
// first, and then needs no bounds of its own.
func IsBomb(root *yaml.Node) bool { return Expansion(root) > MaxExpansion }

// Expansion is what its aliases add to a document, as MaxExpansion counts it, up to a little more than that.
func Expansion(root *yaml.Node) int {
	if root == nil || !hasAlias(root) {
		return 0
	}
	own := 0
	var count func(*yaml.Node)
	count = func(n *yaml.Node) {
		own += 1 + len(n.Value)/32
		for _, c := range n.Content {
			count(c)
		}
	}
	count(root)
	maxExpanded := own + MaxExpansion + 1
	sizes := map[*yaml.Node]int{}
	var size func(*yaml.Node) int
	size = func(n *yaml.Node) int {
		if s, ok := sizes[n]; ok {
			return s
		}
		sizes[n] = maxExpanded // what contains its own alias has no end
		s := 1 + len(n.Value)/32
		if n.Kind == yaml.AliasNode && n.Alias != nil {
			s += size(n.Alias)
		}
		for _, c := range n.Content {
			s = min(s+size(c), maxExpanded)
		}
		sizes[n] = s
		return s
	}
	return size(root) - own
}

func hasAlias(n *yaml.Node) bool {
	return n.Kind == yaml.AliasNode || slices.ContainsFunc(n.Content, hasAlias)
}

// resolve follows an alias. The parser gives no alias of an alias.
func resolve(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// entries are the keys of a mapping and their values, aliases not followed. A key that is no scalar is "".
func entries(n *yaml.Node) iter.Seq2[string, *yaml.Node] {
	return func(yield func(string, *yaml.Node) bool) {
		if n == nil || n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(keyText(n.Content[i]), n.Content[i+1]) {
				return
			}
		}
	}
}

func keyText(key *yaml.Node) string {
	if key = resolve(key); key != nil && key.Kind == yaml.ScalarNode {
		return key.Value
	}
	return ""
}

// Merged are the mappings that n's merge keys (<<) bring in, the one that counts most first, each once.
// Source: https://yaml.org/type/merge.html
func Merged(n *yaml.Node) []*yaml.Node {
	var all []*yaml.Node
	add := func(n *yaml.Node) {
		if n = resolve(n); n != nil && n.Kind == yaml.MappingNode && !slices.Contains(all, n) && len(all) < maxMerged {
			all = append(all, n)
		}
	}
	scan := func(n *yaml.Node) {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Tag != "!!merge" {
				continue
			}
			if value := resolve(n.Content[i+1]); value != nil && value.Kind == yaml.SequenceNode {
				for _, part := range value.Content {
					add(part)
				}
			} else {
				add(value)
			}
		}
	}
	if n != nil && n.Kind == yaml.MappingNode {
		scan(n)
	}
	for i := 0; i < len(all); i++ {
		scan(all[i])
	}
	return all
}

// maxMerged bounds the mappings that are merged into one.
const maxMerged = 64

// effective are the entries of a mapping and those that merge keys bring in under other names.
func effective(n *yaml.Node) iter.Seq2[string, *yaml.Node] {
	parts := Merged(n)
	if len(parts) == 0 {
		return entries(n)
	}
	return func(yield func(string, *yaml.Node) bool) {
		seen := map[string]bool{"<<": true}
		for _, part := range append([]*yaml.Node{n}, parts...) {
			for key, value := range entries(part) {
				if !seen[key] && !yield(key, value) {
					return
				}
				seen[key] = true
			}
		}
	}
}

// get is the value of a key, merge keys and aliases followed; nil where there is none.
func get(n *yaml.Node, key string) *yaml.Node {
	for name, value := range entries(n) {
		if name == key {
			return resolve(value)
		}
	}
	for _, part := range Merged(n) {
		for name, value := range entries(part) {
			if name == key {
				return resolve(value)
			}
		}
	}
	return nil
}

// finder is get for many questions about one mapping: it goes through the mapping once, when it is first asked.
func finder(n *yaml.Node) func(key string) *yaml.Node {
	var found map[string]*yaml.Node
	return func(key string) *yaml.Node {
		if found == nil {
			found = map[string]*yaml.Node{}
			for _, part := range append([]*yaml.Node{n}, Merged(n)...) {
				for name, value := range entries(part) {
					if _, ok := found[name]; !ok {
						found[name] = resolve(value)
					}
				}
			}
		}
		return found[key]
	}
}

// scalar is the text of the scalar at key; empty where there is none.
func scalar(n *yaml.Node, key string) string { return scalarText(get(n, key)) }

func scalarText(n *yaml.Node) string {
	if n != nil && n.Kind == yaml.ScalarNode {
		return n.Value
	}
	return ""
}
