package engine_test

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rollcall-dev/rollcall/internal/edit"
	"github.com/rollcall-dev/rollcall/internal/engine"
	"github.com/rollcall-dev/rollcall/internal/example"
	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Every example has exactly the findings that it wants, through the real loader: at these lines,
// of these rules, no other.
func TestExamples(t *testing.T) {
	e, err := engine.New(t.Context(), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range e.Rules() {
		archive, err := os.ReadFile(filepath.Join("..", "..", "testdata", "rules", rule.ID+".txtar"))
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
				if tree.Broken() && !slices.ContainsFunc(tree.Wants, func(w example.Want) bool {
					return w.Rule == rule.ID
				}) {
					t.Errorf("nothing wants a finding of %s", rule.ID)
				}
				found, err := example.Check(t.Context(), e, rule, tree)
				if err != nil {
					t.Fatal(err)
				}
				for _, difference := range example.Compare(tree.Wants, found) {
					t.Error(difference)
				}
				for _, f := range found {
					if f.Rule == rule.ID && len(f.Edits) > 0 {
						checkEdits(t, e, tree, f)
					}
				}
			})
		}
	}
}

// checkEdits makes the edits of a finding in its tree: the finding is gone, and none of the rule comes in its place.
func checkEdits(t *testing.T, e *engine.Engine, tree example.Tree, f fleet.Finding) {
	t.Helper()
	fixed := tree
	fixed.Files = maps.Clone(tree.Files)
	for _, change := range f.Edits {
		name := change.Origin.File
		data, err := edit.Apply(fixed.Files[name].Data, []fleet.Edit{change})
		if err != nil {
			t.Fatalf("%s: %v", f.Message, err)
		}
		fixed.Files[name] = &fstest.MapFile{Data: data}
	}
	before, err := example.Lint(t.Context(), e, tree)
	if err != nil {
		t.Fatal(err)
	}
	after, err := example.Lint(t.Context(), e, fixed)
	if err != nil {
		t.Fatal(err)
	}
	ofRule := func(found []fleet.Finding) (messages []string) {
		for _, other := range found {
			if other.Rule == f.Rule {
				messages = append(messages, other.Message)
			}
		}
		return messages
	}
	if now := ofRule(after); slices.Contains(now, f.Message) || len(now) >= len(ofRule(before)) {
		t.Errorf("its edits do not mend %q; the rule says of the result: %q", f.Message, now)
	}
}

// The rules that give edits, each with one broken tree at least that has them: what --fix can do is no accident.
func TestFixable(t *testing.T) {
	e, err := engine.New(t.Context(), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	examples, err := example.ReadAll("../../testdata/rules")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for id, trees := range examples {
		for _, tree := range trees {
			found, err := example.Lint(t.Context(), e, tree)
			if err != nil {
				t.Fatal(err)
			}
			if slices.ContainsFunc(found, func(f fleet.Finding) bool { return f.Rule == id && len(f.Edits) > 0 }) {
				got[id] = append(got[id], tree.Name)
			}
		}
	}
	want := map[string][]string{
		"failover-propagates-deps": {"broken", "broken-cluster-wide", "broken-other-import"},
		"karmada-object-valid":     {"broken"},
		"member-has-agent":         {"broken"},
		"policy-names-members":     {"broken-declared"},
		"purge-mode-valid":         {"broken-1.16"},
		"source-url-valid":         {"broken"},
		"weights-encode-order":     {"broken-order"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the trees with edits are %v, not %v", got, want)
	}
}

// A rule that is less sure of something says so by its severity. Each message of an example is given by a part of it.
func TestSeverities(t *testing.T) {
	e, err := engine.New(t.Context(), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rule, tree string
		want       map[string]fleet.Severity
	}{
		// How many replicas there are is a guess where the workload is not in Git.
		{"weights-encode-order", "broken", map[string]fleet.Severity{"": fleet.Error}},
		{"weights-encode-order", "broken-zero", map[string]fleet.Severity{"": fleet.Warning}},
		// In a file that nothing reconciles, a key must say that it holds a secret.
		{"secret-encrypted", "broken-unreached", map[string]fleet.Severity{
			`"password"`: fleet.Error, `"authentik_mail_sender"`: fleet.Warning, `"keycloak_theme"`: fleet.Warning,
		}},
		// What nobody knows may be what is missed.
		{"member-has-agent", "broken", map[string]fleet.Severity{"": fleet.Error}},
		{"member-has-agent", "broken-unknown", map[string]fleet.Severity{"": fleet.Warning}},
		{"depends-on-exists", "broken", map[string]fleet.Severity{"": fleet.Error}},
		{"depends-on-exists", "broken-unknown", map[string]fleet.Severity{"": fleet.Warning}},
		{"source-exists", "broken", map[string]fleet.Severity{"": fleet.Error}},
		{"source-exists", "broken-kustomization", map[string]fleet.Severity{"": fleet.Error}},
		{"source-exists", "broken-unknown", map[string]fleet.Severity{"": fleet.Warning}},
	} {
		found := checkExample(t, e, c.rule, c.tree)
		for part, want := range c.want {
			i := slices.IndexFunc(found, func(f fleet.Finding) bool {
				return f.Rule == c.rule && strings.Contains(f.Message, part)
			})
			if i < 0 || found[i].Severity != want {
				t.Errorf("%s/%s: %q is not of severity %s: %v", c.rule, c.tree, part, want, found)
			}
		}
	}
}

// checkExample are the findings in a tree of a rule's examples.
func checkExample(t *testing.T, e *engine.Engine, rule, tree string) []fleet.Finding {
	t.Helper()
	archive, err := os.ReadFile(filepath.Join("..", "..", "testdata", "rules", rule+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	trees, err := example.Parse(archive)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(trees, func(t example.Tree) bool { return t.Name == tree })
	if i < 0 {
		t.Fatalf("%s has no tree %s", rule, tree)
	}
	found, err := example.Lint(t.Context(), e, trees[i])
	if err != nil {
		t.Fatal(err)
	}
	return found
}
