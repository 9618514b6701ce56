// Package loader turns the bytes of a Git repository into documents and follows Flux through them: entry point →
// Kustomization → kustomize build → the parent's patches → substitution → child Kustomizations, once per cluster.
//
// It says what is there and never what is wrong. A file that does not parse, a path that does not exist and a build
// that fails are facts too, and none of them hides the rest of the tree. It opens no network connection: what only a
// network could tell is unknown.
package loader

import (
	"context"
	"io/fs"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Options say how to read a tree.
type Options struct {
	// Exclude are globs of paths that are not read at all, relative to the root: "*" and "?" stay within one path
	// element, "**" spans any number of them, and a glob that matches a folder excludes everything below it.
	Exclude []string
	// Cache makes the next run with the same cache quicker; nil for none.
	Cache Cache
}

// Load reads the tree in fsys, whose root is the repository's, as Flux would reconcile it. What is wrong with the tree
// is in the result; an error means that the tree could not be read at all, or that ctx is done.
func Load(ctx context.Context, fsys fs.FS, opts Options) (*fleet.Tree, error) {
	c, err := Read(ctx, fsys, opts)
	if err != nil {
		return nil, err
	}
	return c.Follow(ctx)
}

// result is the tree as the fleet's model takes it, in a fixed order.
func (f *follower) result() *fleet.Tree {
	out := &fleet.Tree{Clusters: f.clusters, Kustomizations: f.kustomizations, Objects: f.objects}
	for _, name := range f.tree.paths {
		file := f.tree.files[name]
		if !file.isYAML && len(file.problems) == 0 && len(file.docs) == 0 {
			continue
		}
		out.Files = append(out.Files, file.fact(f.reached[name]))
		if len(f.reached[name]) == 0 && file.class == fleet.Manifest && !f.tree.lists.patches[name] {
			out.Unreached = append(out.Unreached, unreachedObjects(file)...)
		}
	}
	slices.SortFunc(out.Clusters, func(a, b fleet.Cluster) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(out.Kustomizations, func(a, b fleet.Kustomization) int { return strings.Compare(a.ID, b.ID) })
	slices.SortStableFunc(out.Objects, func(a, b fleet.Object) int {
		if c := strings.Compare(a.ID, b.ID); c != 0 {
			return c
		}
		return strings.Compare(a.Kustomization, b.Kustomization)
	})
	return out
}
