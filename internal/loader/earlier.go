package loader

import (
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/fluxcd/pkg/sourceignore"
)

// earlier is a tree in which Flux was followed, and what its clusters came to, by name. All of it may be nil.
type earlier struct {
	tree    *tree
	entries []entry
	courses map[string]*course
}

// renderings are those of a cluster.
func (e *earlier) renderings(cluster string) renderings {
	if e == nil || e.courses[cluster] == nil {
		return nil
	}
	return e.courses[cluster].rendered
}

// news are what differs in a tree from an earlier one with the same files: their contents alone.
type news struct {
	earlier *earlier
	changed []string
}

// news are what differs in a tree; nil where there may be anything.
func (e *earlier) news(t *tree) *news {
	if e == nil || !slices.Equal(e.tree.paths, t.paths) {
		return nil
	}
	n := &news{earlier: e}
	for p, f := range t.files {
		if old := e.tree.files[p]; old.hash != f.hash || old.symlink != f.symlink {
			n.changed = append(n.changed, p)
		}
	}
	return n
}

// lists is what the kustomization files of a tree list.
func (n *news) lists(t *tree) listGraph {
	if n == nil || n.leadsElsewhere(t) {
		return newListGraph(t)
	}
	return n.earlier.tree.lists
}

// leadsElsewhere tells that a file has changed, and lists or leads to other files.
func (n *news) leadsElsewhere(t *tree) bool {
	return slices.ContainsFunc(n.changed, func(name string) bool {
		return isKustomizeName(name) || t.files[name].leadsFlux() || n.earlier.tree.files[name].leadsFlux()
	})
}

// entries are the entry points of a tree. What they are hangs on Flux's own objects and on what lists them.
func (n *news) entries(t *tree) []entry {
	if n == nil || n.leadsElsewhere(t) || slices.ContainsFunc(n.changed, func(name string) bool {
		return isTerraform(name) || n.earlier.tree.toldBy[name]
	}) {
		return findEntries(t)
	}
	t.toldBy = n.earlier.tree.toldBy
	return n.earlier.entries
}

// leadsFlux tells whether a file holds a source of Flux, or what says where a Flux goes.
func (f *file) leadsFlux() bool {
	return slices.ContainsFunc(f.docs, func(d document) bool { return d.Flux != nil || isFluxSource(d) })
}

// standing are the courses that following the entries would come to once more, by cluster.
func (n *news) standing(entries []entry) map[string]*course {
	all := map[string]*course{}
	if n == nil {
		return all
	}
	for _, e := range entries {
		if c := n.earlier.courses[e.cluster]; c != nil && reflect.DeepEqual(c.entry, e) &&
			!slices.ContainsFunc(n.changed, c.mayRead) {
			all[e.cluster] = c
		}
	}
	return all
}

// mayRead tells whether what the cluster comes to may hang on what is in a file.
func (c *course) mayRead(file string) bool {
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
