package loader

import (
	"bytes"
	"cmp"
	"maps"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Most kustomization files only list files and set a namespace, and most objects are nothing to kustomize but their
// names. What such a build comes to is well defined, and the library takes ten times as long to tell: it parses the
// files once more, copies every object several times and looks for references in each. Whatever is not surely of that
// kind is left to the library.

// onlyLists tells whether a kustomization file does nothing but list resources and set a namespace.
func (p *plan) onlyLists(dir string, k *types.Kustomization, generated bool) bool {
	if k.APIVersion != types.KustomizationVersion || k.Kind != types.KustomizationKind {
		return false
	}
	rest := *k
	rest.TypeMeta, rest.MetaData, rest.Resources, rest.Namespace = types.TypeMeta{}, nil, nil, ""
	if len(k.Resources) == 0 {
		rest.BuildMetadata = nil // there is nothing to say it of
	}
	files := 0
	for _, name := range kustomizeFiles {
		if p.artifact.file(path.Join(dir, name)) != nil {
			files++
		}
	}
	return reflect.DeepEqual(rest, types.Kustomization{}) && (files == 1 || generated && files == 0)
}

// isPlain tells whether the documents of a file are nothing to kustomize but objects with a name, and mean the same to
// it as to the YAML library. Beside other documents, kustomize puts the items of a List elsewhere.
func (f *file) isPlain() bool {
	return len(f.problems) == 0 && len(f.docs) > 0 && !oddLine(f.text()) &&
		!slices.ContainsFunc(f.docs, func(d document) bool {
			return !d.plain || len(f.docs) > 1 && strings.HasSuffix(d.Kind, "List")
		})
}

// oddLine finds lines at which kustomize, which cuts a text into documents by itself, may cut another way.
//
// Source: kubernetes-sigs/kustomize kyaml/v0.21.1 kio/byteio_reader.go splitDocuments.
func oddLine(data []byte) bool {
	if bytes.ContainsAny(data, "\r\u0085\u2028\u2029") { // line breaks to YAML, and not to kustomize
		return true
	}
	for line := range bytes.Lines(data) {
		switch {
		case line[0] == '%', line[0] == 0xef, bytes.HasPrefix(line, []byte("...")):
			return true
		case bytes.HasPrefix(line, []byte("---")):
			if rest := bytes.TrimSpace(line[3:]); len(rest) > 0 && rest[0] != '#' {
				return true
			}
		}
	}
	return false
}

// isPlain tells whether a document is nothing to kustomize but objects with a name, and names that it keeps.
func isPlain(root *yaml.Node) bool {
	if root.Kind != yaml.MappingNode || !isPlainNode(root) {
		return false
	}
	items := child(root, "items")
	if kind := child(root, "kind"); items == nil || kind == nil || !strings.HasSuffix(kind.Value, "List") {
		return isPlainObject(root)
	}
	return isPlainList(root) && !slices.ContainsFunc(items.Content, func(n *yaml.Node) bool {
		return !isPlainObject(n)
	})
}

// isPlainList tells whether kustomize takes the items of a List as they are. It takes some through JSON, which knows no
// more than one kind of number.
//
// Source: kubernetes-sigs/kustomize api/v0.21.1 resource/factory.go inlineAnyEmbeddedLists, kyaml/v0.21.1
// kio/byteio_reader.go Read.
func isPlainList(list *yaml.Node) bool {
	apiVersion, kind, items := child(list, "apiVersion"), child(list, "kind"), child(list, "items")
	if apiVersion == nil || apiVersion.Tag != "!!str" || kind.Tag != "!!str" || kind.Value == "ResourceList" ||
		items.Kind != yaml.SequenceNode {
		return false
	}
	if meta := child(list, "metadata"); meta != nil && (meta.Kind != yaml.MappingNode ||
		slices.ContainsFunc(meta.Content, func(n *yaml.Node) bool { return n.Tag != "!!str" })) {
		return false
	}
	return isSameInJSON(items)
}

// shortNumber is a whole number that YAML and JSON write alike, and that a float64 holds.
var shortNumber = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,14})$`)

func isSameInJSON(n *yaml.Node) bool {
	if n.Kind == yaml.ScalarNode {
		return n.Tag == "!!str" || n.Tag == "!!bool" || n.Tag == "!!int" && shortNumber.MatchString(n.Value)
	}
	return !slices.ContainsFunc(n.Content, func(c *yaml.Node) bool { return !isSameInJSON(c) })
}

func isPlainObject(root *yaml.Node) bool {
	apiVersion, kind, name := text(root, "apiVersion"), text(root, "kind"), text(root, "metadata", "name")
	if apiVersion == "" || kind == "" || name == "" || strings.HasSuffix(kind, "List") ||
		!keepsReferences(apiVersion, kind, root) {
		return false
	}
	meta := child(root, "metadata")
	for _, n := range []*yaml.Node{child(root, "apiVersion"), child(root, "kind"), child(meta, "name"),
		child(meta, "namespace")} {
		if n != nil && (n.Kind != yaml.ScalarNode || n.Tag != "!!str") {
			return false
		}
	}
	if annotations := child(meta, "annotations"); annotations != nil { // kustomize writes them anew, and obeys its own
		if annotations.Kind != yaml.MappingNode || len(annotations.Content) == 0 {
			return false
		}
		for i := 0; i+1 < len(annotations.Content); i += 2 {
			if strings.Contains(annotations.Content[i].Value, "config.") || annotations.Content[i+1].Tag != "!!str" {
				return false
			}
		}
	}
	return true
}

// isPlainNode tells that nothing in the node is written another way than what it means: no alias, no merge, no tag, no
// key that is no text, no folded text, and no list item that is null, which kustomize refuses.
func isPlainNode(n *yaml.Node) bool {
	if n.Kind == yaml.AliasNode || n.Anchor != "" || n.Style&yaml.TaggedStyle != 0 ||
		n.Style&yaml.FoldedStyle != 0 && strings.Contains(n.Value, "\n") {
		return false
	}
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && (c.Kind != yaml.ScalarNode || c.Tag != "!!str") ||
			n.Kind == yaml.SequenceNode && c.Tag == "!!null" || !isPlainNode(c) {
			return false
		}
	}
	return true
}

// decode is an object with the meaning that its JSON form has, and whether its text has a "$"; nil where it has none.
func decode(root *yaml.Node) (object map[string]any, dollar bool) {
	if root.Decode(&object) != nil {
		return nil, false
	}
	if _, err := normalise(object, &dollar); err != nil {
		return nil, false
	}
	return object, dollar
}

// decoded are the objects of a plain file, one for each document.
func (f *file) decoded() []decodedObject {
	f.decode.Do(func() {
		if f.objects != nil {
			return
		}
		_ = eachNode(f.text(), func(_ int, root *yaml.Node) {
			object, dollar := decode(root)
			f.objects = append(f.objects, decodedObject{object, dollar})
		})
	})
	return f.objects
}

// inOrder yields the file's objects by the numbers of their documents.
func (f *file) inOrder() func(func(int, map[string]any) bool) {
	if !f.plain {
		return sortedObjects(f.text())
	}
	return func(yield func(int, map[string]any) bool) {
		for i, o := range f.decoded() {
			if i < len(f.docs) && o.object != nil && !yield(f.docs[i].Index, o.object) {
				return
			}
		}
	}
}

// decodedObject is an object as it lies in a file; never changed.
type decodedObject struct {
	object map[string]any
	dollar bool
}

// listed are the objects of a build that only lists files and sets namespaces, as kustomize would give them; false
// where that is for kustomize to say.
func (p *plan) listed() ([]built, bool) {
	if !p.lists {
		return nil, false
	}
	var all []built
	seen := map[string]bool{}
	openAPI.RLock()
	defer openAPI.RUnlock()
	for _, name := range p.resources {
		f := p.artifact.tree.file(name)
		objects, namespace := f.decoded(), p.namespaces[name]
		for i, d := range f.docs {
			if i >= len(objects) || objects[i].object == nil {
				return nil, false
			}
			for item, object := range flatten(objects[i].object) {
				o := built{object: object, origin: fleet.Origin{File: name, Document: d.Index},
					variables: objects[i].dollar}
				if item >= 0 {
					o.origin.Field = []any{"items", item}
				}
				key, ok := o.settle(namespace)
				if !ok || seen[key] { // it may be the same object
					return nil, false
				}
				seen[key] = true
				all = append(all, o)
			}
		}
	}
	return all, true
}

// settle puts the object into a build's namespace, and gives what no two objects of the build may have in common; false
// where that is for kustomize to say.
func (b *built) settle(namespace string) (key string, ok bool) {
	kind, meta := str(b.object, "kind"), b.object["metadata"].(map[string]any)
	apiVersion, name, own := str(b.object, "apiVersion"), str(meta, "name"), str(meta, "namespace")
	clusterScoped := openapi.IsCertainlyClusterScoped(kyaml.TypeMeta{APIVersion: apiVersion, Kind: kind})
	switch {
	case namespace == "":
	case kind == "Namespace" || kind == "CustomResourceDefinition": // which get it elsewhere, too
		return "", false
	case strings.Contains(apiVersion+kind+name+own, ","):
		// a ciphertext: by commas kustomize parts what an object once was called
		return "", false
	case !clusterScoped:
		b.object, b.variables, own = withNamespace(b.object, namespace),
			b.variables || strings.Contains(namespace, "$"), namespace
	}
	if clusterScoped {
		own = ""
	}
	return strings.Join([]string{kind, cmp.Or(own, "default"), name}, "/"), true
}

// withNamespace is the object in a namespace; the object itself stays as it is.
func withNamespace(object map[string]any, namespace string) map[string]any {
	object = maps.Clone(object)
	meta, _ := object["metadata"].(map[string]any)
	meta = maps.Clone(meta)
	meta["namespace"] = namespace
	object["metadata"] = meta
	return object
}
