package karmada

import (
	"maps"
	"slices"
)

// node is a part of an object, there or not, and the field that leads to it.
type node struct {
	value any
	field []any
}

// at is what lies at some keys below a node. Of what is not known nothing in it is.
func (n node) at(keys ...string) node {
	for _, key := range keys {
		field := append(slices.Clip(n.field), key)
		switch of := n.value.(type) {
		case map[string]any:
			if !redacted(of) {
				n.value = of[key]
			}
		case string:
			if !standsIn(of) {
				n.value = nil
			}
		default:
			n.value = nil
		}
		n.field = field
	}
	return n
}

// itself is a node without what it holds, for what is said whatever that is.
func (n node) itself() node {
	if of, isMap := n.value.(map[string]any); isMap && !redacted(of) {
		n.value = nil
	}
	if _, isList := n.value.([]any); isList {
		n.value = nil
	}
	return n
}

// list are the entries of a list; keys those of a map, sorted.
func (n node) list() []node {
	entries, _ := n.value.([]any)
	nodes := make([]node, len(entries))
	for i, entry := range entries {
		nodes[i] = node{entry, append(slices.Clip(n.field), i)}
	}
	return nodes
}

func (n node) keys() []string {
	of, _ := n.value.(map[string]any)
	return slices.Sorted(maps.Keys(of))
}

// there is true for what is not left out, whatever it is.
func (n node) there() bool { return n.value != nil }

// some is true for a text, a list or a map that holds something.
func (n node) some() bool {
	switch value := n.value.(type) {
	case string:
		return value != ""
	case []any:
		return len(value) > 0
	case map[string]any:
		return len(value) > 0
	}
	return n.value != nil
}

func (n node) text() string {
	text, _ := n.value.(string)
	return text
}

// or is the text, or another where there is none.
func (n node) or(other string) string {
	if text := n.text(); text != "" {
		return text
	}
	return other
}

func (n node) truth() bool {
	truth, _ := n.value.(bool)
	return truth
}

// number is a number; false where there is none.
func (n node) number() (float64, bool) { return numberOf(n.value) }

// texts are the texts of a map.
func (n node) texts() map[string]string {
	texts := map[string]string{}
	for _, key := range n.keys() {
		if text, ok := n.at(key).value.(string); ok {
			texts[key] = text
		}
	}
	return texts
}

// refuse reports what karmada-webhook has against a part of an object. What was read to come to that is the part itself
// and the others; where something of it is not known, nothing is reported, as where the schema refuses it already.
func (v *validator) refuse(at node, message string, others ...node) {
	v.refuseAs(Webhook, at, message, others...)
}

func (v *validator) refuseAs(kind Kind, at node, message string, others ...node) {
	for _, read := range append(others, at) {
		if standsIn(read.value) {
			return
		}
	}
	if v.bySchemaRefused(at.field) {
		return
	}
	v.report(Problem{Field: at.field, Kind: kind, Message: message})
}

// bySchemaRefused is true where the schema refuses a part, or what it is in or holds.
func (v *validator) bySchemaRefused(field []any) bool {
	return slices.ContainsFunc(v.found, func(p Problem) bool {
		n := min(len(p.Field), len(field))
		return p.Kind.BySchema() && (p.Kind != Required || len(p.Field) >= len(field)) &&
			slices.Equal(p.Field[:n], field[:n])
	})
}
