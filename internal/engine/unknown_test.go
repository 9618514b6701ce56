package engine_test

import (
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-dev/rollcall/internal/engine"
	"github.com/rollcall-dev/rollcall/internal/example"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
)

// An example that is right has no finding either where a variable stands for any of its fields: what Git does not show
// is unknown, and unknown is never wrong.
func TestVariablesAreUnknown(t *testing.T) {
	e, err := engine.New(t.Context(), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	examples, err := example.ReadAll("../../testdata/rules")
	if err != nil {
		t.Fatal(err)
	}
	for id, trees := range examples {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			seen := map[string]bool{}
			for _, tree := range trees {
				if !tree.Broken() {
					testVariables(t, e, tree, seen)
				}
			}
		})
	}
}

// testVariables puts a variable in the place of each field of a tree's objects that is not like one that was seen.
func testVariables(t *testing.T, e *engine.Engine, tree example.Tree, seen map[string]bool) {
	read, err := loader.Load(t.Context(), tree.Files, loader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, object := range read.Objects {
		for _, path := range fields(object.Content, nil) {
			kind := object.Kind + like(path)
			if path[0] != "spec" && path[0] != "webhooks" || len(path) == 1 || object.Kind == "Deployment" ||
				seen[kind] {
				continue
			}
			seen[kind] = true
			if !sampled(kind) {
				continue
			}
			changed := *read
			changed.Objects = slices.Clone(read.Objects)
			of := *object
			of.Content = with(object.Content, path, "${UNKNOWN}").(map[string]any)
			changed.Objects[i] = &of
			found, err := e.Check(t.Context(), fleet.Build(&changed, fleet.Declared{}))
			if err != nil {
				t.Fatalf("%s: %s %v: %v", tree.Name, object.ID, path, err)
			}
			for _, f := range found {
				// An exception has nothing to except then, and who stands still is taken to run.
				if f.Rule != "exception-justified" && path[1] != "suspend" {
					t.Errorf("%s: %s %v: %s: %s", tree.Name, object.ID, path, f.Rule, f.Message)
				}
			}
		}
	}
}

// sampled takes a fifth of the fields, another one each day; ROLLCALL_ALL is all of them.
func sampled(field string) bool {
	const parts = 5
	h := fnv.New32a()
	h.Write([]byte(field))
	return os.Getenv("ROLLCALL_ALL") != "" || int(h.Sum32()%parts) == time.Now().YearDay()%parts
}

// Nothing is said of a policy, a webhook or an agent that Flux holds back, nor of an agent that it does not reach.
func TestWhatFluxDoesNotApplyIsNotJudged(t *testing.T) {
	e, err := engine.New(t.Context(), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	examples, err := example.ReadAll("../../testdata/rules")
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range e.Rules() {
		judged := func(kind string) bool {
			return kind == "Agent" || strings.HasSuffix(kind, ".policy.karmada.io") ||
				strings.Contains(kind, "WebhookConfiguration")
		}
		if !slices.ContainsFunc(rule.Subjects, judged) {
			continue
		}
		t.Run(rule.ID, func(t *testing.T) {
			t.Parallel()
			for _, tree := range examples[rule.ID] { // TestContract says where there is none
				if tree.Broken() {
					testHeldBack(t, e, rule.ID, tree)
				}
			}
		})
	}
}

func testHeldBack(t *testing.T, e *engine.Engine, id string, tree example.Tree) {
	read, err := loader.Load(t.Context(), tree.Files, loader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	suspended, unreached := *read, *read
	suspended.Objects = nil
	for _, object := range read.Objects {
		of := *object
		of.Suspended = true
		suspended.Objects = append(suspended.Objects, &of)
	}
	unreached.Objects, unreached.Unreached = nil, read.Objects
	for state, changed := range map[string]*fleet.Tree{"suspended": &suspended, "unreached": &unreached} {
		found, err := e.Check(t.Context(), fleet.Build(changed, fleet.Declared{Date: "2026-01-01"}))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			if f.Rule == id {
				t.Errorf("%s, %s: %s", tree.Name, state, f.Message)
			}
		}
	}
}

// like is a path without the numbers in it.
func like(path []any) string {
	var text strings.Builder
	for _, step := range path {
		if _, isIndex := step.(int); isIndex {
			step = "*"
		}
		fmt.Fprintf(&text, "/%v", step)
	}
	return text.String()
}

// fields are the paths to all that lies in a value.
func fields(value any, path []any) (all [][]any) {
	add := func(step, inner any) {
		next := append(slices.Clone(path), step)
		all = append(append(all, next), fields(inner, next)...)
	}
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			add(key, value[key])
		}
	case []any:
		for i, inner := range value {
			add(i, inner)
		}
	}
	return all
}

// with is a value with another one at a path.
func with(value any, path []any, other any) any {
	if len(path) == 0 {
		return other
	}
	switch value := value.(type) {
	case map[string]any:
		changed, key := maps.Clone(value), path[0].(string)
		changed[key] = with(value[key], path[1:], other)
		return changed
	case []any:
		changed, i := slices.Clone(value), path[0].(int)
		changed[i] = with(value[i], path[1:], other)
		return changed
	}
	return other
}
