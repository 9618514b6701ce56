package rules_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/rollcall-dev/rollcall/internal/config"
	"github.com/rollcall-dev/rollcall/internal/example"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
	"github.com/rollcall-dev/rollcall/rules"
)

// Admitting an object onto the rest of its fleet gives what lint gives for that object: for every object of every example
// of every rule. Rules whose METADATA says "never" or "only" are the exceptions.
func TestParity(t *testing.T) {
	e, err := rules.New(t.Context(), rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	never, only := map[string]bool{}, map[string]bool{}
	for _, rule := range e.Rules() {
		never[rule.ID] = rule.Admission == rules.AdmissionNever
		only[rule.ID] = rule.Admission == rules.AdmissionOnly
	}
	for _, rule := range e.Rules() {
		archive, err := os.ReadFile(filepath.Join("..", "testdata", "rules", rule.ID+".txtar"))
		if err != nil {
			continue // TestContract says so
		}
		trees, err := example.Parse(archive)
		if err != nil {
			t.Fatalf("%s: %v", rule.ID, err)
		}
		for _, tree := range trees {
			t.Run(rule.ID+"/"+tree.Name, func(t *testing.T) {
				t.Parallel()
				e, f := build(t, e, tree)
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
						compareRemoval(t, e, f, j, s, linted, never)
					}
				}
			})
		}
	}
}

// compareVerdicts creates an object at its API server.
func compareVerdicts(t *testing.T, f *fleet.Fleet, j *rules.Judgement, s fleet.Subject, linted []fleet.Finding, only map[string]bool) {
	t.Helper()
	found, err := j.Introduced(t.Context(), rules.Change{Object: s.Object, After: s.Input.Object})
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

// compareRemoval deletes an object: what that brings about is what lint finds in the fleet without it and not before, whatever
// subject it is about.
func compareRemoval(t *testing.T, e *rules.Engine, f *fleet.Fleet, j *rules.Judgement, s fleet.Subject, linted []fleet.Finding, never map[string]bool) {
	t.Helper()
	found, err := j.Introduced(t.Context(), rules.Change{Object: s.Object, Before: s.Input.Object})
	if err != nil {
		t.Fatal(err)
	}
	without, _ := f.With(s.Object, nil)
	after, err := e.Check(t.Context(), without)
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range found {
		if !among(after, finding) {
			t.Errorf("without %s %s: %s %q at admission alone", s.Kind, s.Object.Name, finding.Rule, finding.Message)
		}
	}
	for _, finding := range after {
		isOld := func(other fleet.Finding) bool { return f.Identity(other) == without.Identity(finding) }
		if !never[finding.Rule] && !slices.ContainsFunc(linted, isOld) && !among(found, finding) {
			t.Errorf("without %s %s: %s %q on files alone", s.Kind, s.Object.Name, finding.Rule, finding.Message)
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

// build reads a tree as the command does; with the engine unless the tree's configuration gives rules other severities.
func build(t *testing.T, e *rules.Engine, tree example.Tree) (*rules.Engine, *fleet.Fleet) {
	t.Helper()
	c, err := config.Read(tree.Files, config.Name)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Rules) > 0 {
		if e, err = rules.New(t.Context(), rules.Options{Severities: c.Rules}); err != nil {
			t.Fatal(err)
		}
	}
	read, err := loader.Load(t.Context(), tree.Files, loader.Options{Exclude: c.Exclude})
	if err != nil {
		t.Fatal(err)
	}
	declared := c.Declared()
	declared.Date = "2026-01-01"
	return e, fleet.Build(read, declared)
}
