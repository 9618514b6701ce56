package engine_test

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"sigs.k8s.io/yaml"

	"github.com/rollcall-dev/rollcall/internal/engine"
	"github.com/rollcall-dev/rollcall/internal/example"
	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Admitting an object onto a fleet without it, in which the rest of the files is as it was, finds of the object
// what lint finds of it in the whole: for every object of every example. Each rule about an object that is judged
// at admission must show so.
func TestParityWithTheRest(t *testing.T) {
	e, err := engine.New(t.Context(), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	examples, err := example.ReadAll("../../testdata/rules")
	if err != nil {
		t.Fatal(err)
	}
	never, covered := map[string]bool{}, map[string]bool{}
	for _, r := range e.Rules() {
		never[r.ID] = r.Admission == engine.AdmissionNever
	}
	for _, id := range slices.Sorted(maps.Keys(examples)) {
		for _, tree := range examples[id] {
			t.Run(id+"/"+tree.Name, func(t *testing.T) {
				own, whole, err := example.Build(t.Context(), e, tree)
				if err != nil {
					t.Fatal(err)
				}
				linted, err := own.Check(t.Context(), whole)
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range whole.Subjects() {
					if s.Input.Object == nil || len(s.Origin.Field) > 0 ||
						// Git does not show all of it
						s.Input.Kustomization != nil && s.Input.Kustomization.Decryption == "unknown" {
						continue
					}
					want := about(linted, s.Object, never)
					isFlux := strings.HasSuffix(s.Kind, ".toolkit.fluxcd.io")
					if len(want) == 0 && (!isFlux || tree.Broken()) { // that nothing is found is seen in healthy trees
						continue
					}
					rest, ok := without1(tree, s)
					if !ok {
						continue
					}
					e, f, err := example.Build(t.Context(), own, rest)
					if err != nil {
						t.Fatal(err)
					}
					if !sameStart(whole, f) {
						continue
					}
					j, err := e.Judge(t.Context(), f)
					if err != nil {
						t.Fatal(err)
					}
					found, err := j.Introduced(t.Context(), engine.Change{Object: s.Object, After: s.Input.Object})
					if err != nil {
						t.Fatal(err)
					}
					compareFound(t, s, about(found, s.Object, never), want, covered)
				}
			})
		}
	}
	for _, r := range e.Rules() {
		if never[r.ID] || r.Admission == engine.AdmissionOnly ||
			!slices.ContainsFunc(r.Subjects, func(kind string) bool {
				return strings.HasSuffix(kind, ".toolkit.fluxcd.io")
			}) {
			continue
		}
		if !covered[r.ID] {
			t.Errorf("%s: no object of an example shows that it is judged at admission as on files", r.ID)
		}
	}
}

// about are the findings about an object, without what makes sense on files only.
func about(all []fleet.Finding, o fleet.ObjectRef, never map[string]bool) (found []fleet.Finding) {
	for _, f := range all {
		if f.Object.Group == o.Group && f.Object.Kind == o.Kind && f.Object.Namespace == o.Namespace &&
			f.Object.Name == o.Name &&
			f.Object.APIServer == o.APIServer && !never[f.Rule] {
			found = append(found, f)
		}
	}
	return found
}

func compareFound(t *testing.T, s fleet.Subject, found, want []fleet.Finding, covered map[string]bool) {
	t.Helper()
	same := func(a, b fleet.Finding) bool {
		return a.Rule == b.Rule && a.Severity == b.Severity && a.Message == b.Message &&
			reflect.DeepEqual(a.Field, b.Field)
	}
	for _, f := range found {
		if !slices.ContainsFunc(want, func(other fleet.Finding) bool { return same(f, other) }) {
			t.Errorf("%s %s: %s %q at admission alone", s.Kind, s.Object.Name, f.Rule, f.Message)
		}
	}
	for _, f := range want {
		if !slices.ContainsFunc(found, func(other fleet.Finding) bool { return same(f, other) }) {
			t.Errorf("%s %s: %s %s %q on files alone", s.Kind, s.Object.Name, f.Rule, f.Severity, f.Message)
			continue
		}
		covered[f.Rule] = true
	}
}

// without1 is a tree with another object in the place of a subject's; false where the subject is
// not a document of a file.
func without1(tree example.Tree, s fleet.Subject) (example.Tree, bool) {
	file := tree.Files[s.Origin.File]
	if file == nil {
		return tree, false
	}
	parts := strings.Split("\n"+string(file.Data), "\n---")
	at := slices.IndexFunc(parts, func(part string) bool {
		var object struct {
			Kind     string
			Metadata struct{ Name string }
		}
		return yaml.Unmarshal([]byte(part), &object) == nil && object.Kind == s.Object.Kind &&
			object.Metadata.Name == s.Object.Name
	})
	if at < 0 {
		return tree, false
	}
	parts[at] = "\napiVersion: v1\nkind: Endpoints\nmetadata: {name: placeholder, namespace: default}"
	tree.Files = maps.Clone(tree.Files)
	tree.Files[s.Origin.File] = &fstest.MapFile{Data: []byte(strings.TrimPrefix(strings.Join(parts, "\n---"), "\n"))}
	return tree, true
}

// sameStart tells whether the same Fluxes start from the same places, and there are the same API servers.
func sameStart(a, b *fleet.Fleet) bool {
	if len(a.Clusters) != len(b.Clusters) {
		return false
	}
	for name, c := range a.Clusters {
		if other, ok := b.Clusters[name]; !ok || other.Entry != c.Entry || other.Declared != c.Declared {
			return false
		}
	}
	for id := range a.APIServers {
		if _, ok := b.APIServers[id]; !ok {
			return false
		}
	}
	return true
}
