package loader

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	yaml "sigs.k8s.io/yaml/goyaml.v3"
)

// originAnnotation carries the number of an object's origin through a kustomize build: kustomize's own origin
// annotations name the file only, not the document. It is taken off again after the build.
const originAnnotation = "rollcall.dev/origin"

// stamp is how to write the annotation into a document.
type stamp struct {
	How stampKind
	// Line and Column count from 1: the first entry of metadata, or of its annotations.
	Line, Column int
}

type stampKind int

const (
	stampNone        stampKind = iota // no object: nothing to stamp
	stampAnnotation                   // an entry before the first annotation
	stampAnnotations                  // an annotations mapping before the first entry of metadata
	stampNode                         // flow style, aliases and the like: through the YAML nodes
)

// findStamp decides how to stamp the document. Most documents take a line of text: writing them anew from their nodes
// costs as much as parsing them.
func findStamp(root *yaml.Node) stamp {
	if root.Kind != yaml.MappingNode {
		return stamp{}
	}
	if items := lookup(root, "items"); items != nil && strings.HasSuffix(text(root, "kind"), "List") {
		return stamp{How: stampNode}
	}
	meta := child(root, "metadata")
	if target := resolve(meta); target == nil || target.Kind != yaml.MappingNode {
		return stamp{}
	}
	if !isPlainBlock(root) || !isPlainBlock(meta) {
		return stamp{How: stampNode}
	}
	annotations := child(meta, "annotations")
	if annotations == nil {
		if child(meta, "<<") != nil {
			return stamp{How: stampNode} // annotations may be merged into it
		}
		return stamp{How: stampAnnotations, Line: meta.Content[0].Line, Column: meta.Content[0].Column}
	}
	if !isPlainBlock(annotations) {
		return stamp{How: stampNode}
	}
	return stamp{How: stampAnnotation, Line: annotations.Content[0].Line, Column: annotations.Content[0].Column}
}

// isPlainBlock tells a block mapping whose first key stands on a line of its own, with nothing
// before it, as "? " would be.
func isPlainBlock(n *yaml.Node) bool {
	return n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle == 0 && len(n.Content) > 0 &&
		n.Line == n.Content[0].Line && n.Column == n.Content[0].Column &&
		n.Anchor == "" && n.Tag == "!!map" && n.Content[0].Tag != "!!merge" &&
		n.Content[0].Style&yaml.TaggedStyle == 0 && n.Content[0].Anchor == ""
}

// child is the value of a key, aliases not followed.
func child(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// stamped is the file's text with each document, and each item of a List, stamped with the number that number gives
// it. A document for which number says no is left out of the text.
func (f *file) stamped(number func(doc int, field []any) (int, bool)) ([]byte, error) {
	byText := true
	for _, d := range f.docs {
		_, keep := number(d.Index, nil)
		byText = byText && keep && d.Stamp.How != stampNode
	}
	if !byText {
		return f.stampedNodes(number)
	}
	var out bytes.Buffer
	out.Grow(len(f.text()) + 64*len(f.docs))
	rest, line := f.text(), 1
	for _, d := range f.docs {
		if d.Stamp.How == stampNone {
			continue
		}
		for ; line < d.Stamp.Line; line++ {
			end := bytes.IndexByte(rest, '\n') + 1
			out.Write(rest[:end])
			rest = rest[end:]
		}
		n, _ := number(d.Index, nil)
		indent := strings.Repeat(" ", d.Stamp.Column-1)
		if d.Stamp.How == stampAnnotations {
			fmt.Fprintf(&out, "%sannotations:\n%s  %s: \"%d\"\n", indent, indent, originAnnotation, n)
		} else {
			fmt.Fprintf(&out, "%s%s: \"%d\"\n", indent, originAnnotation, n)
		}
	}
	out.Write(rest)
	return out.Bytes(), nil
}

func (f *file) stampedNodes(number func(int, []any) (int, bool)) ([]byte, error) {
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	var failed error
	written := false
	err := eachNode(f.text(), func(index int, root *yaml.Node) {
		n, keep := number(index, nil)
		if !keep || failed != nil {
			return
		}
		// What kustomize does first with what it reads: the stamp must not show wherever else
		// an anchor's value is used.
		if failed = kyaml.NewRNode(root).DeAnchor(); failed != nil {
			return
		}
		items := lookup(root, "items")
		if items != nil && items.Kind == yaml.SequenceNode && strings.HasSuffix(text(root, "kind"), "List") {
			for i, item := range items.Content {
				if n, ok := number(index, []any{"items", i}); ok {
					stampNodes(item, n)
				}
			}
		} else {
			stampNodes(root, n)
		}
		if failed = settleFolded(root); failed == nil {
			failed, written = enc.Encode(root), true
		}
	})
	if err == nil {
		err = failed
	}
	if err == nil && written {
		err = enc.Close()
	}
	return out.Bytes(), err
}

// settleFolded gives folded text (">") the value that it has once the library has written it, and a style in which
// writing it once more changes nothing: Flux writes an object once, and here it is written before the build too.
func settleFolded(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode && n.Style&yaml.FoldedStyle != 0 {
		written, err := yaml.Marshal(&yaml.Node{Kind: n.Kind, Tag: n.Tag, Style: n.Style, Value: n.Value})
		if err == nil {
			err = yaml.Unmarshal(written, &n.Value)
		}
		if err != nil {
			return err
		}
		n.Style = yaml.DoubleQuotedStyle
	}
	for _, child := range n.Content {
		if err := settleFolded(child); err != nil {
			return err
		}
	}
	return nil
}

func stampNodes(root *yaml.Node, n int) {
	meta := lookup(root, "metadata")
	if meta == nil || meta.Kind != yaml.MappingNode {
		return
	}
	annotations := lookup(meta, "annotations")
	if annotations == nil || annotations.Kind != yaml.MappingNode {
		annotations = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		set(meta, "annotations", annotations)
	}
	set(annotations, originAnnotation, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: strconv.Itoa(n),
		Style: yaml.DoubleQuotedStyle})
}

func set(mapping *yaml.Node, key string, value *yaml.Node) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			mapping.Content[i+1] = value
			return
		}
	}
	mapping.Content = append(mapping.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, value)
}
