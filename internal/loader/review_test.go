package loader_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"sigs.k8s.io/yaml"

	"github.com/rollcall-dev/rollcall/internal/config"
	"github.com/rollcall-dev/rollcall/internal/example"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
)

// fluxReads are the kinds that a Flux reads itself.
var fluxReads = []string{"Kustomization.kustomize.toolkit.fluxcd.io", "HelmRelease.helm.toolkit.fluxcd.io", "ConfigMap",
	"GitRepository.source.toolkit.fluxcd.io", "OCIRepository.source.toolkit.fluxcd.io",
	"HelmRepository.source.toolkit.fluxcd.io"}

// A fleet with a changed object is the fleet of the files with that object changed: for each object of each example
// that a Flux reads, without each of its fields, and with each of its texts changed.
func TestFollowerFollows(t *testing.T) {
	examples, err := example.ReadAll("../../testdata/rules")
	if err != nil {
		t.Fatal(err)
	}
	compared := map[string]int{}
	for _, id := range slices.Sorted(maps.Keys(examples)) {
		for _, tree := range examples[id] {
			base, contents := follow(t, tree.Files)
			c, _ := config.Read(tree.Files, config.Name)
			declared := c.Declared()
			declared.Follower = contents.Follower()
			f := fleet.Build(base, declared)
			for _, o := range base.Objects {
				kind := fleet.GroupKind(o.Group, o.Kind)
				if !slices.Contains(fluxReads, kind) || len(o.Origin.Field) > 0 || o.Cluster != o.APIServer ||
					reflect.DeepEqual(o.Origin, f.Clusters[o.Cluster].Origin) { // Flux starts elsewhere then
					continue
				}
				docs := documents(tree.Files[o.Origin.File].Data)
				if docs[o.Origin.Document] == nil {
					continue
				}
				all := append(edits(docs[o.Origin.Document]), placeholder)
				// of which Kustomizations know no more than their names
				if o.Kind == "HelmRelease" || o.Kind == "HelmRepository" {
					all = all[len(all)-2:]
				}
				for _, edited := range all {
					if compareFollowed(t, id+"/"+tree.Name, tree.Files, f, o, docs, edited) {
						compared[kind]++
					}
				}
			}
		}
	}
	t.Log(compared)
	for _, kind := range fluxReads {
		if compared[kind] == 0 {
			t.Errorf("no %s is compared", kind)
		}
	}
}

func compareFollowed(t *testing.T, name string, files fstest.MapFS, f *fleet.Fleet, o *fleet.Object,
	docs []map[string]any, edited map[string]any) bool {
	t.Helper()
	docs = slices.Clone(docs)
	docs[o.Origin.Document] = edited
	changed := maps.Clone(files)
	changed[o.Origin.File] = &fstest.MapFile{Data: written(docs)}
	after, _ := follow(t, changed)
	want := map[string]fleet.Kustomization{}
	for _, k := range fleet.Build(after, fleet.Declared{}).Kustomizations {
		want[k.ID] = k
	}
	at := slices.IndexFunc(after.Objects, func(other *fleet.Object) bool {
		return other.ID == o.ID && other.Kustomization == o.Kustomization
	})
	if (at < 0) != (edited["kind"] != o.Kind) || !sameEntries(f, after) {
		return false // Flux starts elsewhere, or is not known to apply it
	}
	var content map[string]any
	if at >= 0 {
		content = after.Objects[at].Content
		spec, _ := content["spec"].(map[string]any)
		if strings.Contains(fmt.Sprint(spec), "${") || strings.Contains(fmt.Sprint(spec["patches"]), "$class") {
			return false // no cluster has a text like this, or the patch is not shown
		}
	}
	with, _ := f.With(fleet.ObjectRef{Cluster: o.Cluster, APIServer: o.APIServer, Group: o.Group, Kind: o.Kind,
		Namespace: o.Namespace, Name: o.Name},
		content)
	for _, id := range slices.Sorted(maps.Keys(want)) {
		got, known := with.Kustomizations[id]
		if !known || id == o.Kustomization && id != fleet.IDOf(o.APIServer, o.Namespace, o.Name) ||
			want[id].Decryption == "unknown" { // a patch that cannot be read has had its say in the cluster
			continue // what the object builds is not applied yet, and how it lies in a file is no fact of a cluster
		}
		if a, b := show(withoutCharts(got)), show(withoutCharts(want[id])); a != b {
			t.Errorf("%s: %s is\n%s\nand %s is\n%s\nin files\n%s", name, o.ID, show(edited["spec"]), id, a, b)
		}
	}
	return true
}

// placeholder stands in the place of an object that is gone.
var placeholder = map[string]any{"apiVersion": "v1", "kind": "Endpoints",
	"metadata": map[string]any{"name": "placeholder", "namespace": "default"}}

// withoutCharts is a Kustomization without the charts that are not rendered, which are about the
// HelmReleases that it applies.
func withoutCharts(k fleet.Kustomization) fleet.Kustomization {
	k.Incomplete = slices.DeleteFunc(slices.Clone(k.Incomplete), func(i fleet.Incomplete) bool {
		return i.Kind == fleet.UnknownChart
	})
	return k
}

// sameEntries tells whether Flux starts from the same places.
func sameEntries(f *fleet.Fleet, after *fleet.Tree) bool {
	if len(f.Clusters) != len(after.Clusters) {
		return false
	}
	for _, c := range after.Clusters {
		if was := f.Clusters[c.Name]; was.Entry != c.Entry || was.Declared != c.Declared || !c.Declared {
			return false
		}
	}
	return true
}

func follow(t *testing.T, files fstest.MapFS) (*fleet.Tree, *loader.Contents) {
	t.Helper()
	c, err := config.Read(files, config.Name)
	if err != nil {
		t.Fatal(err)
	}
	contents, err := loader.Read(t.Context(), files, loader.Options{Exclude: c.Exclude})
	if err != nil {
		t.Fatal(err)
	}
	tree, err := contents.Follow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tree, contents
}

// documents are the YAML documents of a file; nil for one that is no object.
func documents(data []byte) (all []map[string]any) {
	for _, part := range strings.Split("\n"+string(data), "\n---") {
		var object map[string]any
		_ = yaml.Unmarshal([]byte(part), &object)
		all = append(all, object)
	}
	return append(all, nil, nil, nil) // a file may begin with ---
}

func written(docs []map[string]any) []byte {
	var parts []string
	for _, d := range docs {
		if d != nil {
			data, _ := yaml.Marshal(d)
			parts = append(parts, string(data))
		}
	}
	return []byte(strings.Join(parts, "---\n"))
}

func show(value any) string {
	data, _ := json.MarshalIndent(value, "", " ")
	return string(data)
}

// edits are the objects that one becomes without each of its fields below spec and data, and
// with each text there changed.
func edits(object map[string]any) (all []map[string]any) {
	var walk func(value any, with func(value any) map[string]any)
	walk = func(value any, with func(any) map[string]any) {
		switch value := value.(type) {
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(value)) {
				without := maps.Clone(value)
				delete(without, name)
				all = append(all, with(without))
				walk(value[name], func(inner any) map[string]any {
					changed := maps.Clone(value)
					changed[name] = inner
					return with(changed)
				})
			}
		case []any:
			for i := range value {
				walk(value[i], func(inner any) map[string]any {
					changed := slices.Clone(value)
					changed[i] = inner
					return with(changed)
				})
			}
		case string:
			all = append(all, with(value+"x"))
		}
	}
	for _, top := range []string{"spec", "data"} {
		if fields, ok := object[top].(map[string]any); ok {
			walk(fields, func(inner any) map[string]any {
				changed := maps.Clone(object)
				changed[top] = inner
				return changed
			})
		}
	}
	return all
}
