package edit

import (
	"errors"
	"fmt"

	yaml "sigs.k8s.io/yaml/goyaml.v3"
)

// place is where an edit goes: a value that is there, or the mapping or list that gets a further entry.
type place struct {
	value *yaml.Node // the value to replace, or the empty one to fill; nil for a further entry
	key   *yaml.Node // the value's key, if it is a mapping's
	into  *yaml.Node // the mapping or list
	rest  []any      // the steps that are not there yet
}

// find walks down a path. What several places share, by an alias or a merge key, is refused:
// changing one would change all.
func find(root *yaml.Node, path []any) (place, error) {
	shared := map[*yaml.Node]bool{}
	findShared(root, shared)
	p := place{value: root, rest: path}
	for {
		switch {
		case p.value.Kind == yaml.AliasNode:
			return place{}, errors.New("the value is an alias, so other places change too")
		case shared[p.value]:
			return place{}, errors.New("an alias elsewhere refers to the value, so that place changes too")
		case len(p.rest) == 0 || p.value.Tag == "!!null":
			return p, nil
		}
		key, value, err := step(p.value, p.rest[0])
		if err != nil {
			return place{}, err
		}
		if value == nil {
			return place{into: p.value, rest: p.rest}, nil
		}
		p.key, p.value, p.rest = key, value, p.rest[1:]
	}
}

// step is the entry of a mapping or list; no value where it has none yet.
func step(at *yaml.Node, step any) (key, value *yaml.Node, err error) {
	switch step := step.(type) {
	case string:
		if at.Kind == yaml.SequenceNode && step == appendStep {
			return nil, nil, nil
		}
		if at.Kind != yaml.MappingNode {
			return nil, nil, errNoPlace
		}
		if key, value = entry(at, step); value == nil && merges(at, step) {
			err = errors.New("a merge key (<<) brings it from another place")
		}
		return key, value, err
	case int:
		if at.Kind == yaml.SequenceNode && step >= 0 && step < len(at.Content) {
			return nil, at.Content[step], nil
		}
	}
	return nil, nil, errNoPlace
}

func entry(mapping *yaml.Node, name string) (key, value *yaml.Node) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if key := mapping.Content[i]; key.Kind == yaml.ScalarNode && key.Value == name {
			return key, mapping.Content[i+1]
		}
	}
	return nil, nil
}

// merges is true where a mapping may have a key from one that it merges in.
func merges(mapping *yaml.Node, name string) bool {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Tag == "!!merge" && mentions(mapping.Content[i+1], name) {
			return true
		}
	}
	return false
}

func mentions(n *yaml.Node, name string) bool {
	switch n.Kind {
	case yaml.AliasNode:
		return mentions(n.Alias, name)
	case yaml.SequenceNode:
		for _, other := range n.Content {
			if mentions(other, name) {
				return true
			}
		}
	case yaml.MappingNode:
		_, value := entry(n, name)
		return value != nil || merges(n, name)
	}
	return false
}

// findShared finds the nodes that aliases refer to.
func findShared(n *yaml.Node, shared map[*yaml.Node]bool) {
	if n.Kind == yaml.AliasNode {
		shared[n.Alias] = true
	}
	for _, child := range n.Content {
		findShared(child, shared)
	}
}

// check tells whether steps that are not there yet can be made.
func check(rest []any) error {
	for i, step := range rest {
		name, ok := step.(string)
		if !ok || name == appendStep && i+1 < len(rest) {
			return fmt.Errorf("%w", errNoPlace)
		}
	}
	return nil
}
