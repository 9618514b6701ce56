package loader

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// applyAll takes every manifest below the folder as applied to the cluster: the tree shows no entry point, so nothing
// tells which of them Flux reads. Of what the kustomization files come to, the Secrets in the clear alone are taken:
// which of several overlays is ever applied, and to what, nobody knows.
func (c *cluster) applyAll(ctx context.Context) error {
	defer c.withCache()()
	k := fleet.Kustomization{ID: c.entry.cluster + "//", Cluster: c.entry.cluster, Implicit: true,
		Chain:     []string{c.entry.cluster + "//"},
		APIServer: c.entry.cluster, Path: c.entry.dir, PathState: fleet.Found, Local: true, Build: fleet.Unknown,
		Decryption: "unknown"}
	for _, p := range c.tree.paths {
		f := c.tree.file(p)
		inside := c.entry.dir == "." || strings.HasPrefix(p, c.entry.dir+"/")
		if !inside || !f.isYAML || f.class == fleet.Template || f.class == fleet.Text || c.tree.lists.patches[p] ||
			hidden(p) {
			continue
		}
		if f.class == fleet.KustomizeFile {
			c.reached[p] = true
			k.Problems = append(k.Problems, c.tree.missingEntries(f)...)
		}
		if f.class != fleet.Manifest {
			continue
		}
		c.reached[p] = true
		for index, object := range f.inOrder() {
			for i, o := range flatten(object) {
				origin := fleet.Origin{File: p, Document: index}
				if i >= 0 {
					origin.Field = []any{"items", i}
				}
				if str(o, "kind") != "" && str(o, "apiVersion") != "" {
					applied := newObject(o, origin)
					applied.Cluster, applied.APIServer, applied.Kustomization = c.entry.cluster, c.entry.cluster, k.ID
					applied.ID = objectID(applied)
					k.Incomplete = append(k.Incomplete, unknownChart(&applied)...)
					if isFluxKustomization(str(o, "apiVersion"), applied.Kind) {
						c.fact.Incomplete = append(c.fact.Incomplete,
							fleet.Incomplete{Kind: fleet.UnknownSource, Origin: origin,
								Why: "nothing in the tree tells where Flux starts, so the Kustomization " +
									applied.Name +
									" is not followed"})
					}
					c.objects = append(c.objects, &applied)
				}
			}
		}
	}
	c.kustomizations = append(c.kustomizations, k)
	return c.buildTops(ctx)
}

// buildTops builds what kubectl apply -k may be called for: the kustomization files that no other one lists.
func (c *cluster) buildTops(ctx context.Context) error {
	var tops []*item
	for _, p := range c.tree.paths {
		dir := path.Dir(p)
		f := c.tree.file(p)
		if !c.reached[p] || f.class != fleet.KustomizeFile || f.broken || f.lists == nil ||
			len(c.tree.lists.listedIn[dir]) > 0 {
			continue
		}
		id := c.entry.cluster + "//"
		tops = append(tops, &item{vars: &variables{}, fact: fleet.Kustomization{
			ID: id, Cluster: c.entry.cluster, APIServer: c.entry.cluster,
			Origin: fleet.Origin{File: p}, Path: dir, PathState: fleet.Found}})
	}
	a := c.follower.artifact(packing{base: ".", root: "."})
	g, within := errgroup.WithContext(ctx)
	g.SetLimit(c.workers)
	for _, it := range tops {
		g.Go(func() (err error) {
			it.rendering, err = c.renderInTime(within, it, a)
			return err
		})
	}
	err := g.Wait()
	for _, it := range tops {
		if it.rendering != nil {
			c.clear = append(c.clear, c.resolveClear(it, it.rendering.Clear)...)
		}
	}
	return err
}

// missingEntries are the resources, components and patches that a kustomization file names and that are not there:
// whoever builds it cannot. What else a build may come to is not asked, for nobody may ever build it.
func (t *tree) missingEntries(f *file) (problems []fleet.BuildProblem) {
	if f.broken || f.lists == nil {
		return nil
	}
	dir := path.Dir(f.path)
	check := func(entry string, at ...any) {
		target := path.Join(dir, entry)
		if entry == "" || strings.ContainsAny(entry, "\n${}") || isYAMLText(entry) || isRemote(entry) ||
			path.IsAbs(entry) || strings.HasPrefix(target, "../") ||
			slices.Contains(bootstrapFiles, path.Base(entry)) || t.files[target] != nil {
			return
		}
		why := "%q does not exist"
		if t.isDir(target) {
			if at[0] == "patches" || at[0] == "patchesStrategicMerge" ||
				slices.ContainsFunc(kustomizeFiles, func(name string) bool {
					return t.files[path.Join(target, name)] != nil
				}) {
				return
			}
			why = "the folder %q has no kustomization file"
		}
		problems = append(problems, fleet.BuildProblem{Kind: "missing-resource",
			Message: secret.Message(fmt.Sprintf(why, entry)), Origin: fleet.Origin{File: f.path}, At: at})
	}
	for _, list := range []struct {
		field   string
		entries []string
	}{{"resources", f.lists.Resources}, {"bases", f.lists.Bases}, {"components", f.lists.Components},
		{"patchesStrategicMerge", f.lists.PatchesStrategicMerge}} {
		for i, entry := range list.entries {
			check(entry, list.field, i)
		}
	}
	for i, patch := range f.lists.Patches {
		check(patch.Path, "patches", i, "path")
	}
	return problems
}

// bootstrapFiles are what flux bootstrap commits by itself.
var bootstrapFiles = []string{"gotk-components.yaml", "gotk-sync.yaml"}

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

// unreachedObjects are the objects of a file that nothing reconciles, of the kinds that an agent can be, that it can
// take its values from, and that would lead Flux to it.
func unreachedObjects(f *file) []*fleet.Object {
	if !slices.ContainsFunc(f.docs, func(d document) bool { return ofAgent(d.APIVersion, d.Kind) }) {
		return nil
	}
	var all []*fleet.Object
	for index, object := range f.inOrder() {
		if ofAgent(str(object, "apiVersion"), str(object, "kind")) {
			o := newObject(object, fleet.Origin{File: f.path, Document: index})
			o.ID = objectID(o)
			all = append(all, &o)
		}
	}
	return all
}

func ofAgent(apiVersion, kind string) bool {
	switch kind {
	case "HelmRelease", "Deployment", "ConfigMap", "Secret", "OCIRepository", "HelmChart":
		return true
	}
	return isFluxKustomization(apiVersion, kind)
}
