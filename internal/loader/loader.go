// Package loader turns the bytes of a Git repository into documents and follows Flux through them: entry point →
// Kustomization → kustomize build → the parent's patches → substitution → child Kustomizations, once per cluster.
//
// It says what is there and never what is wrong. A file that does not parse, a path that does not exist and a build
// that fails are facts too, and none of them hides the rest of the tree. It opens no network connection: what only a
// network could tell is unknown.
package loader

import (
	"cmp"
	"context"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Options say how to read a tree.
type Options struct {
	// Exclude are globs of paths that are not read at all, relative to the root: "*" and "?" stay within one path
	// element, "**" spans any number of them, and a glob that matches a folder excludes everything below it.
	Exclude []string
	// Clusters are the Flux clusters, where the tree does not tell them.
	Clusters []Cluster
	// Sources are the Flux sources that are folders of the tree.
	Sources []Source
	// Recipients are those that files may be encrypted to; none where the configuration does not say.
	Recipients []fleet.Recipients
	// MaxTime is how long Follow may take; five minutes by default. A library that cannot be
	// interrupted is left behind then.
	MaxTime time.Duration
	// Cache makes the next run with the same cache quicker; nil for none.
	Cache Cache
}

// Cluster is where a Flux starts.
type Cluster struct {
	Name string
	// Path is the folder from which Flux starts, and Root the one that its source's artifact is made of, both relative
	// to the tree's root, clean; "." is the tree.
	Path, Root string
	// Variables are those that Flux gets by other ways than Git.
	Variables map[string]string
	// Origin is where that is said.
	Origin fleet.Origin
}

// Source is a Flux source whose artifact is made of a folder of the tree, relative to its root.
type Source struct{ Kind, Namespace, Name, Path string }

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
	objects := 0
	for _, c := range f.results {
		objects += len(c.objects)
	}
	out := &fleet.Tree{Objects: make([]*fleet.Object, 0, objects)}
	clusters := slices.Sorted(maps.Keys(f.results))
	clear, hidden := clearPlaces{}, clearPlaces{}
	for _, cluster := range clusters {
		clear.add(f.results[cluster].clear)
		hidden.add(f.results[cluster].clear)
		hidden.taken(f.results[cluster].clear)
	}
	var both errgroup.Group // it hands a panic on
	both.Go(func() error {
		for _, cluster := range clusters {
			c := f.results[cluster]
			out.Clusters = append(out.Clusters, c.fact)
			out.Kustomizations = append(out.Kustomizations, c.kustomizations...)
			for _, o := range c.objects {
				if content := hidden.redacted(o); !same(content, o.Content) {
					redacted := *o
					redacted.Content = content
					o = &redacted
				}
				out.Objects = append(out.Objects, o)
			}
		}
		sortAll(out.Kustomizations, out.Objects) // one cluster's Kustomizations may apply to another's API server
		return nil
	})
	both.Go(func() error {
		out.Files, out.Unreached = f.filesReached(clusters, clear)
		return nil
	})
	_ = both.Wait()
	return out
}

// filesReached are the files with the clusters that read them, and what may be an agent in those that none reads.
func (f *follower) filesReached(clusters []string, clear clearPlaces) (files []fleet.File, unreached []*fleet.Object) {
	files = make([]fleet.File, 0, len(f.tree.paths))
	reached := make(map[string][]string, len(f.tree.paths)) // the clusters that read a file, by path
	// the files that say where a Flux starts: whoever did so applied them
	starts := map[string]bool{}
	for _, cluster := range clusters {
		starts[f.results[cluster].fact.Origin.File] = true
		for name := range f.results[cluster].reached {
			reached[name] = append(reached[name], cluster)
		}
	}
	rules := f.tree.creationRules()
	for _, name := range f.tree.paths {
		rules.cover(f.tree.file(name))
	}
	for _, name := range f.tree.paths {
		file := f.tree.file(name)
		pinDrift := f.tree.pins.drift(file, rules)
		if !file.isYAML && len(file.problems) == 0 && len(file.docs) == 0 && file.whole == nil &&
			len(file.sources) == 0 &&
			clear[name] == nil && len(pinDrift) == 0 {
			continue
		}
		fact := file.fact(reached[name])
		fact.Documents = withClear(fact.Documents, clear.in(name))
		if !starts[name] {
			fact.UnlistedIn = f.tree.unlistedIn(file, reached)
		}
		fact.KeyDrift, fact.PinDrift, fact.RegionGaps = rules.drift(file), pinDrift, rules.gaps(file)
		files = append(files, fact)
		if len(reached[name]) == 0 && file.class == fleet.Manifest && !f.tree.lists.patches[name] {
			unreached = append(unreached, unreachedObjects(file)...)
		}
	}
	return files, unreached
}

func sortAll(kustomizations []fleet.Kustomization, objects []*fleet.Object) {
	slices.SortFunc(kustomizations, func(a, b fleet.Kustomization) int { return strings.Compare(a.ID, b.ID) })
	slices.SortStableFunc(objects, func(a, b *fleet.Object) int {
		return cmp.Or(strings.Compare(a.ID, b.ID), strings.Compare(a.Kustomization, b.Kustomization))
	})
}
