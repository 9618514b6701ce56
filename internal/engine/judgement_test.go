package engine_test

import (
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/internal/engine"
	"github.com/rollcall-dev/rollcall/internal/example"
	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Admitting an object onto the rest of its fleet gives what lint gives for that object: for every object of every
// example of every rule. Rules whose METADATA says "never" or "only" are the exceptions.
func TestParity(t *testing.T) {
	e, err := engine.New(t.Context(), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	never, only := map[string]bool{}, map[string]bool{}
	for _, rule := range e.Rules() {
		never[rule.ID] = rule.Admission == engine.AdmissionNever
		only[rule.ID] = rule.Admission == engine.AdmissionOnly
	}
	examples, err := example.ReadAll("../../testdata/rules")
	if err != nil {
		t.Fatal(err)
	}
	for id, trees := range examples {
		for _, tree := range trees {
			t.Run(id+"/"+tree.Name, func(t *testing.T) {
				t.Parallel()
				e, f, err := example.Build(t.Context(), e, tree)
				if err != nil {
					t.Fatal(err)
				}
				linted, err := e.Check(t.Context(), f)
				if err != nil {
					t.Fatal(err)
				}
				linted = slices.DeleteFunc(linted, func(found fleet.Finding) bool { return never[found.Rule] })
				j, err := e.Judge(t.Context(), f)
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range f.Subjects() {
					if s.Input.Object != nil {
						compareVerdicts(t, f, j, s, linted, only)
						for _, edited := range append(edits(s.Input.Object, 4), nil) {
							with, _ := f.With(s.Object, edited)
							found, err := e.Check(t.Context(), with)
							if err != nil {
								t.Fatal(err)
							}
							compareChange(t, j, s, s.Input.Object, edited, state{f, linted}, state{with, found}, never,
								only)
							compareChange(t, j, s, edited, s.Input.Object, state{with, found}, state{f, linted}, never,
								only)
						}
					}
				}
			})
		}
	}
}

// compareVerdicts creates an object at its API server.
func compareVerdicts(t *testing.T, f *fleet.Fleet, j *engine.Judgement, s fleet.Subject, linted []fleet.Finding,
	only map[string]bool) {
	t.Helper()
	found, err := j.Introduced(t.Context(), engine.Change{Object: s.Object, After: s.Input.Object})
	if err != nil {
		t.Fatal(err)
	}
	found = slices.DeleteFunc(found, func(finding fleet.Finding) bool { return only[finding.Rule] })
	own, _ := f.ObjectOf(s.Object)
	for _, finding := range found {
		if !among(linted, finding) {
			t.Errorf("%s: %s %q at admission alone", own.ID, finding.Rule, finding.Message)
		}
	}
	for _, finding := range linted {
		if object, _ := f.ObjectOf(finding.Object); object.ID != own.ID {
			continue
		}
		if !among(found, finding) {
			t.Errorf("%s: %s %q on files alone", own.ID, finding.Rule, finding.Message)
		}
	}
}

// edits are some of the objects that an object becomes without one of its fields; always the same ones.
func edits(object map[string]any, n int) []map[string]any {
	var paths [][]string
	var collect func(path []string, value any)
	collect = func(path []string, value any) {
		fields, _ := value.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			field := append(slices.Clone(path), name)
			if !slices.Contains([]string{"apiVersion", "kind", "metadata", "metadata.name", "metadata.namespace"},
				strings.Join(field, ".")) {
				paths = append(paths, field)
			}
			collect(field, fields[name])
		}
	}
	collect(nil, object)
	rand.New(rand.NewPCG(1, uint64(len(paths)))).Shuffle(len(paths), func(i, j int) {
		paths[i], paths[j] = paths[j], paths[i]
	})
	var all []map[string]any
	for _, path := range paths[:min(n, len(paths))] {
		all = append(all, without(object, path))
	}
	return all
}

// without is a copy of an object that lacks a field.
func without(object map[string]any, path []string) map[string]any {
	object = maps.Clone(object)
	if inner, ok := object[path[0]].(map[string]any); ok && len(path) > 1 {
		object[path[0]] = without(inner, path[1:])
	} else {
		delete(object, path[0])
	}
	return object
}

// state is a fleet and what lint finds in it.
type state struct {
	fleet *fleet.Fleet
	found []fleet.Finding
}

// compareChange changes an object: what that brings about is what lint finds afterwards and not before,
// whatever subject it is about.
func compareChange(t *testing.T, j *engine.Judgement, s fleet.Subject, before, after map[string]any, was, is state,
	never, only map[string]bool) {
	t.Helper()
	found, err := j.Introduced(t.Context(), engine.Change{Object: s.Object, Before: before, After: after})
	if err != nil {
		t.Fatal(err)
	}
	found = slices.DeleteFunc(found, func(finding fleet.Finding) bool { return only[finding.Rule] })
	for _, finding := range found {
		if !among(is.found, finding) {
			t.Errorf("%s %s changed: %s %q at admission alone", s.Kind, s.Object.Name, finding.Rule, finding.Message)
		}
	}
	for _, finding := range is.found {
		isOld := func(other fleet.Finding) bool { return was.fleet.Identity(other) == is.fleet.Identity(finding) }
		if !never[finding.Rule] && !slices.ContainsFunc(was.found, isOld) && !among(found, finding) {
			t.Errorf("%s %s changed: %s %q on files alone", s.Kind, s.Object.Name, finding.Rule, finding.Message)
		}
	}
}

// among is true where a finding is one of several. Of what several clusters have from one file lint reports one.
func among(all []fleet.Finding, finding fleet.Finding) bool {
	return slices.ContainsFunc(all, func(other fleet.Finding) bool {
		return other.Rule == finding.Rule && other.Severity == finding.Severity && other.Message == finding.Message &&
			reflect.DeepEqual(other.Field, finding.Field) && reflect.DeepEqual(other.Place.Origin, finding.Place.Origin)
	})
}
