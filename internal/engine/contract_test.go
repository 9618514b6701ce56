package engine

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"
	"github.com/open-policy-agent/opa/v1/tester"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/rules"
)

// bare are the kinds of subjects that have no group: entities, and kinds of the core group that rules are about.
var bare = []string{
	"Cluster", "Member", "Agent", "ControlPlane", "File", "Exception",
	"Secret", "ConfigMap", "Service", "Namespace", "ServiceAccount", "Pod",
}

// The contract of the rules, beyond what New demands of every rule.
func TestContract(t *testing.T) {
	e, err := New(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Rules()) == 0 {
		t.Fatal("no rules")
	}
	for _, r := range e.Rules() {
		t.Run(r.ID, func(t *testing.T) {
			if n := len(r.Title); n > 80 || strings.HasSuffix(r.Title, ".") {
				t.Errorf("title %q: %d bytes, want at most 80 and no period", r.Title, n)
			}
			if r.Description == "" {
				t.Error("description is missing")
			}
			if r.Fix == "" {
				t.Error("custom.fix is missing")
			}
			if len(r.Sources)+len(r.Refs) == 0 && !slices.Equal(r.Subjects, []string{"Exception"}) {
				t.Error("neither custom.source nor related_resources says where the facts are from")
			}
			for _, s := range r.Subjects {
				if !strings.Contains(s, ".") && !slices.Contains(bare, s) {
					t.Errorf("subject %q: neither an entity nor a kind of the core group; a group is missing?", s)
				}
			}
			if _, err := os.Stat(filepath.Join("..", "..", "testdata", "rules", r.ID+".txtar")); err != nil {
				t.Errorf("the example is missing: %v", err)
			}
		})
	}
}

// What opa fmt would change.
func TestFormatted(t *testing.T) {
	err := fs.WalkDir(rules.Files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".rego") {
			return err
		}
		text, err := fs.ReadFile(rules.Files, path)
		if err != nil {
			return err
		}
		formatted, err := format.Source(path, text)
		if err == nil && !bytes.Equal(text, formatted) {
			t.Errorf("%s: run opa fmt --write", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// What opa check --strict and opa test do: the rules compile and their tests pass without
// anything that the engine adds.
func TestStockOPA(t *testing.T) {
	modules, store, err := tester.Load([]string{"../../rules"}, func(_ string, info os.FileInfo, _ int) bool {
		return !info.IsDir() && filepath.Ext(info.Name()) != ".rego"
	})
	if err != nil {
		t.Fatal(err)
	}
	txn, err := store.NewTransaction(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	results, err := tester.NewRunner().
		SetCompiler(ast.NewCompiler().WithStrict(true)).
		SetModules(modules).SetStore(store).CapturePrintOutput(true).RaiseBuiltinErrors(true).
		RunTests(t.Context(), txn)
	if err != nil {
		t.Fatal(err)
	}
	for r := range results {
		if !r.Pass() {
			t.Errorf("%s %s\n%s", r, r.Error, r.Output)
		}
	}
}

// New leaves the types of the program's own rules unchecked, because this test checks them.
func TestTypes(t *testing.T) {
	if _, err := newEngine(t.Context(), []source{{name: "rules", fsys: rules.Files}}, nil); err != nil {
		t.Error(err)
	}
}

// A rule that may refuse a change, and reads more than the object, says what may still mend its error: else Flux, which
// asks about all objects of a Kustomization before it applies the first, would be stopped by what the next object or
// the next revision brings.
func TestWaitsAreDeclared(t *testing.T) {
	e, err := New(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	alone := []string{"object", "subject", "apiServer", "cluster", "origin"}
	for _, r := range e.Rules() {
		i := slices.IndexFunc(e.mayRead(r), func(p fleet.Path) bool {
			return p[0] == factsRoot || p[0] == inputRoot && (len(p) < 2 || !slices.Contains(alone, p[1]))
		})
		refuses := r.Severity == fleet.Error && r.Admission != AdmissionNever && r.Admission != AdmissionWarn
		if (i >= 0 && refuses) != (r.Waits != "") {
			t.Errorf("%s reads more than the object: %t, may refuse: %t, waits: %q", r.ID, i >= 0, refuses, r.Waits)
		}
	}
}
