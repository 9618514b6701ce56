package fleet_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/internal/config"
	"github.com/rollcall-dev/rollcall/internal/example"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
)

// A fleet with one object changed is the fleet that is built of a tree with that object changed, and the
// paths that With gives lead to all that differs: for every object of every example, without it and with the
// content of another of its kind.
func TestWithIsBuild(t *testing.T) {
	examples, err := example.ReadAll("../../testdata/rules")
	if err != nil {
		t.Fatal(err)
	}
	for id, trees := range examples {
		for _, tree := range trees {
			t.Run(id+"/"+tree.Name, func(t *testing.T) {
				t.Parallel()
				c, err := config.Read(tree.Files, config.Name)
				if err != nil {
					t.Fatal(err)
				}
				read, err := loader.Load(t.Context(), tree.Files, loader.Options{Exclude: c.Exclude})
				if err != nil {
					t.Fatal(err)
				}
				declared := c.Declared()
				f := fleet.Build(read, declared)
				for _, o := range read.Objects {
					compareChange(t, f, read, declared, o, nil)
					i := slices.IndexFunc(read.Objects, func(other *fleet.Object) bool {
						return other.Kind == o.Kind && other.Group == o.Group && other.ID != o.ID
					})
					if i >= 0 {
						compareChange(t, f, read, declared, o, read.Objects[i].Content)
					}
				}
			})
		}
	}
}

func compareChange(t *testing.T, f *fleet.Fleet, read *fleet.Tree, declared fleet.Declared, o *fleet.Object,
	content map[string]any) {
	t.Helper()
	tree := *read
	tree.Objects = slices.Clone(read.Objects)
	for i, object := range tree.Objects {
		if object.ID == o.ID {
			of := *object
			of.Content = content
			tree.Objects[i] = &of
		}
	}
	if content == nil {
		tree.Objects = slices.DeleteFunc(tree.Objects, func(other *fleet.Object) bool { return other.ID == o.ID })
	}
	with, changed := f.With(fleet.ObjectRef{Cluster: o.Cluster, APIServer: o.APIServer, Group: o.Group, Kind: o.Kind,
		Namespace: o.Namespace, Name: o.Name}, content)
	built := fleet.Build(&tree, declared)
	got, want := facts(t, with), facts(t, built)
	for _, name := range slices.Sorted(maps.Keys(want)) {
		// What the loader says of a Kustomization that has changed is dropped; the last object of an API server takes
		// it along. What a Kustomization applies beside the others is of the tree: its rules are for files alone.
		if name == "kustomizations" || name == "applied" {
			continue
		}
		if !reflect.DeepEqual(got[name], want[name]) {
			t.Errorf("%s without (%t) its content: %s is\n%s\nand built anew\n%s", o.ID, content == nil, name,
				text(got[name]), text(want[name]))
		}
	}
	for _, path := range differences(nil, facts(t, f), got, coveredBy(changed)) {
		t.Errorf("%s without (%t) its content: nothing says that %s differs", o.ID, content == nil,
			strings.Join(path, " / "))
	}
	for _, path := range differences(nil, facts(t, f), want, coveredBy(f.Differences(built))) {
		t.Errorf("%s without (%t) its content, built anew: nothing says that %s differs", o.ID, content == nil,
			strings.Join(path, " / "))
	}
	if same := built.Differences(fleet.Build(&tree, declared)); len(same) > 0 {
		t.Errorf("%s without (%t) its content, built anew twice: %v differ", o.ID, content == nil, same)
	}
}

func coveredBy(facts []fleet.Path) func([]string) bool {
	return func(path []string) bool {
		return slices.ContainsFunc(facts, func(c fleet.Path) bool {
			return len(c) <= len(path) && slices.Equal([]string(c), path[:len(c)])
		})
	}
}

// Every fact of a fleet is among its differences from a fleet without that fact, and every field of an object.
func TestDifferences(t *testing.T) {
	for i, field := range reflect.VisibleFields(reflect.TypeFor[fleet.Fleet]()) {
		if field.IsExported() {
			var f, other fleet.Fleet
			fill(reflect.ValueOf(&other).Elem().Field(i))
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if got := f.Differences(&other); len(got) != 1 || got[0][0] != name {
				t.Errorf("a fleet with %s: %v", name, got)
			}
		}
	}
	for i, field := range reflect.VisibleFields(reflect.TypeFor[fleet.Object]()) {
		if field.IsExported() {
			var a, b fleet.Object
			fill(reflect.ValueOf(&b).Elem().Field(i))
			if got := with(&a).Differences(with(&b)); len(got) != 1 {
				t.Errorf("an object with another %s: %v", field.Name, got)
			}
		}
	}
}

func with(o *fleet.Object) *fleet.Fleet {
	return &fleet.Fleet{Objects: map[string]map[string]map[string]map[string]*fleet.Object{"a": {"b": {"c": {"d": o}}}}}
}

// fill gives a value some content.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Map:
		value := reflect.New(v.Type().Elem()).Elem()
		fill(value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("x"), value)
	}
}

// differences are the deepest paths at which two JSON values differ and that are not covered.
func differences(path []string, a, b any, covered func([]string) bool) [][]string {
	if reflect.DeepEqual(a, b) || covered(path) {
		return nil
	}
	m, isMap := a.(map[string]any)
	n, areMaps := b.(map[string]any)
	if !isMap && a != nil || !areMaps && b != nil || a == nil && b == nil {
		return [][]string{slices.Clone(path)}
	}
	var all [][]string
	for _, key := range slices.Compact(slices.Sorted(slices.Values(
		slices.Concat(slices.Collect(maps.Keys(m)), slices.Collect(maps.Keys(n)))))) {
		all = append(all, differences(append(path, key), m[key], n[key], covered)...)
	}
	return all
}

func facts(t *testing.T, f *fleet.Fleet) map[string]any {
	t.Helper()
	data, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func text(v any) string {
	data, _ := json.Marshal(v)
	return string(data)
}
