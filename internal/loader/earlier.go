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
	courses map[string]*course
}

// renderings are those of a cluster.
func (e *earlier) renderings(cluster string) renderings {
	if e == nil || e.courses[cluster] == nil {
		return nil
	}
	return e.courses[cluster].rendered
}

// standing are the courses that following the entries in the tree would come to as well, by cluster.
func (e *earlier) standing(t *tree, entries []entry) map[string]*course {
	if e == nil || !slices.Equal(e.tree.paths, t.paths) {
		return nil
	}
	var changed []string
	for p, f := range t.files {
		if old := e.tree.files[p]; old.hash != f.hash || old.symlink != f.symlink {
			changed = append(changed, p)
		}
	}
	all := map[string]*course{}
	for _, entry := range entries {
		if c := e.courses[entry.cluster]; c != nil && reflect.DeepEqual(c.entry, entry) && !slices.ContainsFunc(changed, c.mayRead) {
			all[entry.cluster] = c
		}
	}
	return all
}

// mayRead tells whether what the cluster comes to may hang on what is in a file.
func (c *course) mayRead(file string) bool {
	if c.entry.flat || c.entry.dir == "." || strings.HasPrefix(file, c.entry.dir+"/") || path.Base(file) == sourceignore.IgnoreFile {
		return true
	}
	for _, r := range c.rendered {
		if _, asked := r.Seen[askFile+file]; asked {
			return true
		}
	}
	return false
}
