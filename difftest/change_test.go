package difftest

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"testing/fstest"

	"github.com/rollcall-dev/rollcall/internal/change"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
	"github.com/rollcall-dev/rollcall/internal/revision"
)

// TestRandomChanges changes trees that are made up: files come, go and are replaced by chance.
func TestRandomChanges(t *testing.T) {
	var all counts
	for seed := range uint64(randomTrees / 3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 7))
			before := generator{random, fstest.MapFS{}}
			before.tree()
			other := generator{rand.New(rand.NewPCG(seed, 8)), fstest.MapFS{}}
			other.tree()
			after := maps.Clone(before.fsys)
			for _, name := range slices.Sorted(maps.Keys(before.fsys)) {
				switch n := random.IntN(100); {
				case name == "clusters/a/sync.yaml":
				case n < 5:
					delete(after, name)
				case n < 35 && other.fsys[name] != nil:
					after[name] = other.fsys[name]
				}
			}
			compareChange(t, before.fsys, after, &all)
		})
	}
	t.Logf("%+v", all)
	if all.Created*all.Changed*all.Gone == 0 {
		t.Error("something never happens")
	}
}

// TestCommits compares the last commits of the clones in ROLLCALL_HISTORY=folder[:folder…], ROLLCALL_COMMITS of each,
// with what they come after.
func TestCommits(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("ROLLCALL_COMMITS"))
	if err != nil {
		n = 20
	}
	for _, dir := range filepath.SplitList(os.Getenv("ROLLCALL_HISTORY")) {
		r, err := revision.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		var all counts
		for i := range n {
			t.Run(fmt.Sprintf("%s~%d", filepath.Base(dir), i), func(t *testing.T) {
				compareChange(t, filesAt(t, r, fmt.Sprintf("HEAD~%d", i+1)), filesAt(t, r, fmt.Sprintf("HEAD~%d", i)),
					&all)
			})
		}
		t.Logf("%s: %+v", dir, all)
	}
}

func filesAt(t *testing.T, r *revision.Repository, name string) fs.FS {
	t.Helper()
	commit, err := r.Resolve(name)
	if err != nil {
		t.Fatal(err)
	}
	fsys, err := commit.FS(".")
	if err != nil {
		t.Fatal(err)
	}
	return fsys
}

// counts are how many objects were compared, by what happens to them, and how many could not be.
type counts struct{ Same, Created, Changed, Gone, HandedOver, Skipped int }

// fluxSide are the objects that Flux's own code makes of a tree.
type fluxSide struct {
	tree *fleet.Tree
	// applied are the objects, by "API server|apiVersion's group kind namespace/name" and Kustomization.
	applied map[string]map[string]map[string]any
	// prunes are the Kustomizations' own words, by ID; fair those that Flux's code could build here,
	// and fails those it cannot.
	prunes, fair, fails map[string]bool
}

func newFluxSide(t *testing.T, fsys fs.FS, tree *fleet.Tree) *fluxSide {
	s := &fluxSide{tree: tree, applied: map[string]map[string]map[string]any{}, prunes: map[string]bool{},
		fair: map[string]bool{}, fails: map[string]bool{}}
	c := newComparison(t, fsys, tree)
	for _, k := range tree.Kustomizations {
		if c.unfair(k) != "" || k.Suspended {
			continue
		}
		spec, reason := c.effective(k)
		if reason != "" {
			continue
		}
		objects, err := c.flux(k, spec)
		s.fair[k.ID], s.fails[k.ID], s.prunes[k.ID] = true, err != nil, spec.Spec.Prune
		if k.Implicit {
			s.prunes[k.ID] = true
		}
		for _, o := range objects {
			meta, _ := o["metadata"].(map[string]any)
			namespace, _ := meta["namespace"].(string)
			api, _ := o["apiVersion"].(string)
			group := ""
			if i := len(api) - len(filepath.Base(api)); i > 0 {
				group = api[:i-1]
			}
			id := fmt.Sprintf("%s/%s/%s/%v", k.APIServer, fleet.GroupKind(group, fmt.Sprint(o["kind"])), namespace,
				meta["name"])
			if s.applied[id] == nil {
				s.applied[id] = map[string]map[string]any{}
			}
			s.applied[id][k.ID] = o
		}
	}
	return s
}

// compareChange holds what change.Compare says against what Flux's code makes of both trees.
func compareChange(t *testing.T, a, b fs.FS, all *counts) {
	t.Helper()
	x, y := contents(t, a), contents(t, b)
	before, after := follow(t, x), follow(t, y)
	d := change.Compare(change.Side{FS: a, Tree: before, Fleet: fleet.Build(before, fleet.Declared{})},
		change.Side{FS: b, Tree: after, Fleet: fleet.Build(after, fleet.Declared{})}, x.Changed(y))
	said := map[string]change.Object{}
	for _, c := range d.Clusters {
		for _, s := range c.Servers {
			for _, o := range s.Objects {
				said[fmt.Sprintf("%s/%s/%s/%s", s.ID, fleet.GroupKind(o.Group, o.Kind), o.Namespace, o.Name)] = o
			}
		}
	}
	was, is := newFluxSide(t, a, before), newFluxSide(t, b, after)
	ids := map[string]bool{}
	for _, s := range []*fluxSide{was, is} {
		for id := range s.applied {
			ids[id] = true
		}
	}
	for id := range said {
		ids[id] = true
	}
	gone := map[string]bool{}
	for _, k := range before.Kustomizations {
		gone[k.ID] = !slices.ContainsFunc(after.Kustomizations, func(other fleet.Kustomization) bool {
			return other.ID == k.ID
		})
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		if !fairIn(was, id, gone, is) || !fairIn(is, id, nil, was) {
			all.Skipped++
			continue
		}
		o, listed := said[id]
		p, q := was.applied[id], is.applied[id]
		want := ""
		switch both := shared(p, q); {
		case len(p)+len(q) == 0:
			want = "nothing"
		case len(p) == 0:
			want = "create"
			all.Created++
		case len(q) == 0:
			all.Gone++
			want = "gone"
			for k := range p {
				if !gone[k] && is.prunes[k] && !labelledKeep(p[k]) {
					want = "prune"
				} else if !gone[k] && want != "prune" {
					want = "orphan"
				}
			}
		case len(both) == 0:
			want = "hand over"
			all.HandedOver++
		case slices.ContainsFunc(both, func(k string) bool { return !reflect.DeepEqual(p[k], q[k]) }):
			want = "change"
			all.Changed++
		default:
			want = "same"
			all.Same++
		}
		ok := false
		switch want {
		case "gone":
			ok = listed && (o.Action == change.Prune || o.Action == change.Orphan)
		case "same":
			ok = !listed || o.Action == change.Change && !slices.ContainsFunc(o.Fields, func(f change.Field) bool {
				return !f.Hidden
			})
		case "nothing":
			ok = !listed
		default:
			ok = listed && string(o.Action) == want
		}
		if !ok {
			t.Errorf("%s: Flux: %s; said: %v %s %v", id, want, listed, o.Action, o.Fields)
		}
	}
}

// labelledKeep is true for what the object itself keeps from being pruned.
func labelledKeep(o map[string]any) bool {
	meta, _ := o["metadata"].(map[string]any)
	for _, field := range []string{"labels", "annotations"} {
		m, _ := meta[field].(map[string]any)
		if m["kustomize.toolkit.fluxcd.io/prune"] == "disabled" {
			return true
		}
	}
	return false
}

// fairIn is true where Flux's code could build all that applies an object by what the loader says, here and, where it
// is still there, in the other tree.
func fairIn(s *fluxSide, id string, gone map[string]bool, other *fluxSide) bool {
	owners := slices.Collect(maps.Keys(s.applied[id]))
	for _, o := range s.tree.Objects {
		if o.ID == id {
			if o.ResourceSet != "" {
				return false
			}
			owners = append(owners, o.Kustomization)
		}
	}
	for _, k := range owners {
		has := slices.ContainsFunc(other.tree.Kustomizations, func(k2 fleet.Kustomization) bool { return k2.ID == k })
		if !s.fair[k] || has && !other.fair[k] || has && other.fails[k] || s.fails[k] {
			return false
		}
	}
	return true
}

func shared(a, b map[string]map[string]any) (all []string) {
	for k := range a {
		if b[k] != nil {
			all = append(all, k)
		}
	}
	return all
}

func contents(t *testing.T, fsys fs.FS) *loader.Contents {
	t.Helper()
	c, err := loader.Read(t.Context(), fsys, loader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func follow(t *testing.T, c *loader.Contents) *fleet.Tree {
	t.Helper()
	tree, err := c.Follow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tree
}
