package loader

import (
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/fluxcd/pkg/sourceignore"
)

// previous is a tree in which Flux was followed, and what its clusters came to, by name. All of it may be nil.
type previous struct {
	tree    *tree
	entries []entry
	results map[string]*clusterResult
}

// renderings are those of a cluster.
func (e *previous) renderings(cluster string) renderings {
	if e == nil || e.results[cluster] == nil {
		return nil
	}
	return e.results[cluster].rendered
}

// changes are what differs in a tree from an earlier one with the same files: their contents alone.
type changes struct {
	previous *previous
	changed  []string
}

// changes are what differs in a tree; nil where there may be anything.
func (e *previous) changes(t *tree) *changes {
	if e == nil || !slices.Equal(e.tree.paths, t.paths) {
		return nil
	}
	n := &changes{previous: e}
	for p, f := range t.files {
		if old := e.tree.files[p]; old.hash != f.hash || old.symlink != f.symlink {
			n.changed = append(n.changed, p)
		}
	}
	return n
}

// lists is what the kustomization files of a tree list.
func (n *changes) lists(t *tree) listGraph {
	if n == nil || n.leadsElsewhere(t) {
		return newListGraph(t)
	}
	return n.previous.tree.lists
}

// leadsElsewhere tells that a file has changed, and lists or leads to other files.
func (n *changes) leadsElsewhere(t *tree) bool {
	return slices.ContainsFunc(n.changed, func(name string) bool {
		return isKustomizeName(name) || t.files[name].leadsFlux() || n.previous.tree.files[name].leadsFlux()
	})
}

// entries are the entry points of a tree. What they are hangs on Flux's own objects and on what lists them.
func (n *changes) entries(t *tree) []entry {
	if n == nil || n.leadsElsewhere(t) || slices.ContainsFunc(n.changed, func(name string) bool {
		return isTerraform(name) || n.previous.tree.toldBy[name]
	}) {
		return findEntries(t)
	}
	t.toldBy = n.previous.tree.toldBy
	return n.previous.entries
}

// leadsFlux tells whether a file holds a source of Flux, or what says where a Flux goes.
func (f *file) leadsFlux() bool {
	return slices.ContainsFunc(f.docs, func(d document) bool { return d.Flux != nil || isFluxSource(d) })
}

// reusable are the results that following the entries would come to once more, by cluster.
func (n *changes) reusable(entries []entry) map[string]*clusterResult {
	all := map[string]*clusterResult{}
	if n == nil {
		return all
	}
	for _, e := range entries {
		if c := n.previous.results[e.cluster]; c != nil && reflect.DeepEqual(c.entry, e) &&
			!slices.ContainsFunc(n.changed, c.mayRead) {
			all[e.cluster] = c
		}
	}
	return all
}

// mayRead tells whether what the cluster comes to may hang on what is in a file.
func (c *clusterResult) mayRead(file string) bool {
	if c.entry.flat || c.entry.dir == "." || strings.HasPrefix(file, c.entry.dir+"/") ||
		path.Base(file) == sourceignore.IgnoreFile || isPipeline(file) {
		return true
	}
	for _, r := range c.rendered {
		if _, asked := r.Seen[askFile+file]; asked {
			return true
		}
	}
	return false
}
