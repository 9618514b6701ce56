package loader

import (
	"bytes"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Most kustomization files only list files and set a namespace, and most objects are nothing to kustomize but their names. What
// such a build comes to is well defined, and the library takes ten times as long to tell: it parses the files once more,
// copies every object several times and looks for references in each. Whatever is not surely of that kind is left to the
// library.

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

// isPlain tells whether the documents of a file are nothing to kustomize but objects with a name, and mean the same to it
// as to the YAML library.
func (f *file) isPlain() bool {
	return len(f.problems) == 0 && len(f.docs) > 0 && !oddLine(f.text()) &&
		!slices.ContainsFunc(f.docs, func(d document) bool { return !d.plain })
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

// isPlain tells whether a document is nothing to kustomize but an object with a name, and names that it keeps.
func (d *document) isPlain(root *yaml.Node) bool {
	if d.Stamp.How != stampAnnotation && d.Stamp.How != stampAnnotations ||
		d.APIVersion == "" || d.Kind == "" || d.Name == "" || strings.HasSuffix(d.Kind, "List") || !keepsReferences(d.APIVersion, d.Kind, root) {
		return false
	}
	meta := child(root, "metadata")
	for _, n := range []*yaml.Node{child(root, "apiVersion"), child(root, "kind"), child(meta, "name"), child(meta, "namespace")} {
		if n != nil && (n.Kind != yaml.ScalarNode || n.Tag != "!!str" || strings.Contains(n.Value, ",")) {
			return false // a comma is what kustomize parts the names by that an object once had
		}
	}
	if annotations := child(meta, "annotations"); annotations != nil { // kustomize writes them anew, and obeys its own
		for i := 0; i+1 < len(annotations.Content); i += 2 {
			if strings.Contains(annotations.Content[i].Value, "config.") || annotations.Content[i+1].Tag != "!!str" {
				return false
			}
		}
	}
	return isPlainNode(root)
}

// isPlainNode tells that nothing in the node is written another way than what it means: no alias, no merge, no tag, no
// key that is no text, no folded text.
func isPlainNode(n *yaml.Node) bool {
	if n.Kind == yaml.AliasNode || n.Anchor != "" || n.Style&yaml.TaggedStyle != 0 ||
		n.Style&yaml.FoldedStyle != 0 && strings.Contains(n.Value, "\n") {
		return false
	}
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && (c.Kind != yaml.ScalarNode || c.Tag != "!!str") || !isPlainNode(c) {
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

// listed are the objects of a build that only lists files and sets namespaces, as kustomize would give them; false where that is for kustomize to say.
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
			if i >= len(objects) || objects[i].object == nil || seen[d.Kind+"/"+d.Name] { // it may be the same object
				return nil, false
			}
			seen[d.Kind+"/"+d.Name] = true
			o := built{object: objects[i].object, origin: fleet.Origin{File: name, Document: d.Index}, variables: objects[i].dollar}
			switch {
			case namespace == "":
			case d.Kind == "Namespace" || d.Kind == "CustomResourceDefinition": // which get it elsewhere, too
				return nil, false
			case strings.Contains(d.Namespace, ","): // a ciphertext, in which kustomize gives up
				return nil, false
			case !openapi.IsCertainlyClusterScoped(kyaml.TypeMeta{APIVersion: d.APIVersion, Kind: d.Kind}):
				o.object, o.variables = withNamespace(o.object, namespace), o.variables || strings.Contains(namespace, "$")
			}
			all = append(all, o)
		}
	}
	return all, true
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
