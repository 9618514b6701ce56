package rules_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/internal/example"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/rules"
)

// Every example has exactly the findings that it wants, through the real loader: at these lines, of these rules, no other.
func TestExamples(t *testing.T) {
	e, err := rules.New(t.Context(), rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range e.Rules() {
		archive, err := os.ReadFile(filepath.Join("..", "testdata", "rules", rule.ID+".txtar"))
		if err != nil {
			continue // TestContract says so
		}
		trees, err := example.Parse(archive)
		if err != nil {
			t.Errorf("%s: %v", rule.ID, err)
		}
		for _, kind := range []string{"broken", "healthy"} {
			if !slices.ContainsFunc(trees, func(tree example.Tree) bool { return strings.HasPrefix(tree.Name, kind) }) {
				t.Errorf("%s: no %s tree", rule.ID, kind)
			}
		}
		for _, tree := range trees {
			t.Run(rule.ID+"/"+tree.Name, func(t *testing.T) {
				t.Parallel()
				if tree.Broken() && !slices.ContainsFunc(tree.Wants, func(w example.Want) bool { return w.Rule == rule.ID }) {
					t.Errorf("nothing wants a finding of %s", rule.ID)
				}
				found, err := example.Check(t.Context(), e, rule, tree)
				if err != nil {
					t.Fatal(err)
				}
				for _, difference := range example.Compare(tree.Wants, found) {
					t.Error(difference)
				}
			})
		}
	}
}

// How many replicas there are is a guess where the workload is not in Git.
func TestGuessedReplicasAreAWarning(t *testing.T) {
	e, err := rules.New(t.Context(), rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	archive, err := os.ReadFile(filepath.Join("..", "testdata", "rules", "weights-encode-order.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	trees, err := example.Parse(archive)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]fleet.Severity{"broken": fleet.Error, "broken-zero": fleet.Warning}
	got := map[string]fleet.Severity{}
	for _, tree := range trees {
		if want[tree.Name] == "" {
			continue
		}
		found, err := example.Lint(t.Context(), e, tree)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			if f.Rule == "weights-encode-order" {
				got[tree.Name] = f.Severity
			}
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("severities %v, want %v", got, want)
	}
}
