package loader

import (
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// applyAll takes every manifest below the folder as applied to the cluster: the tree shows no entry point, so nothing
// tells which of them Flux reads.
func (c *cluster) applyAll() {
	k := fleet.Kustomization{ID: c.entry.cluster + "//", Cluster: c.entry.cluster, Implicit: true, Chain: []string{c.entry.cluster + "//"},
		APIServer: c.entry.cluster, Path: c.entry.dir, PathState: fleet.Found, Local: true, Build: fleet.Found, Decryption: "unknown"}
	for _, p := range c.tree.paths {
		f := c.tree.files[p]
		inside := c.entry.dir == "." || strings.HasPrefix(p, c.entry.dir+"/")
		if !inside || !f.isYAML || f.class == fleet.Template || f.class == fleet.Text || c.tree.lists.patches[p] || hidden(p) {
			continue
		}
		if f.class == fleet.KustomizeFile {
			c.reached[p] = true
		}
		if f.class != fleet.Manifest {
			continue
		}
		c.reached[p] = true
		for index, object := range sortedObjects(f.data) {
			for i, o := range flatten(object) {
				origin := fleet.Origin{File: p, Document: index}
				if i >= 0 {
					origin.Field = []any{"items", i}
				}
				if str(o, "kind") != "" && str(o, "apiVersion") != "" {
					applied := newObject(o, origin)
					applied.Cluster, applied.APIServer, applied.Kustomization = c.entry.cluster, c.entry.cluster, k.ID
					applied.ID = objectID(applied)
					c.objects = append(c.objects, applied)
				}
			}
		}
	}
	c.kustomizations = append(c.kustomizations, k)
}

// flatten yields the object, with the number -1, or the items of a List with theirs.
func flatten(object map[string]any) func(func(int, map[string]any) bool) {
	return func(yield func(int, map[string]any) bool) {
		items, ok := object["items"].([]any)
		if !ok || !strings.HasSuffix(str(object, "kind"), "List") {
			yield(-1, object)
			return
		}
		for i, item := range items {
			if o, ok := item.(map[string]any); ok && !yield(i, o) {
				return
			}
		}
	}
}

// unreachedObjects are the objects of a file that nothing reconciles, of the kinds that an agent can be or can take its
// values from.
func unreachedObjects(f *file) []fleet.Object {
	if !slices.ContainsFunc(f.docs, func(d document) bool { return ofAgent(d.Kind) }) {
		return nil
	}
	var all []fleet.Object
	for index, object := range sortedObjects(f.data) {
		if ofAgent(str(object, "kind")) {
			o := newObject(object, fleet.Origin{File: f.path, Document: index})
			o.ID = objectID(o)
			all = append(all, o)
		}
	}
	return all
}

func ofAgent(kind string) bool {
	switch kind {
	case "HelmRelease", "Deployment", "ConfigMap", "Secret", "OCIRepository", "HelmChart":
		return true
	}
	return false
}
