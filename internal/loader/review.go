package loader

import (
	"maps"
	"reflect"
	"slices"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Follower follows Flux again, through the same files, where one object is another than in the tree: as an API server
// is about to have it. Only the Kustomizations that may differ are followed, and of these only what no rendering of the
// tree says already is built. Safe for concurrent use.
type Follower struct{ *follower }

// Follower is that of contents which Follow has followed; it keeps what Follow has made, for as
// long as it is kept itself.
func (c *Contents) Follower() Follower { return Follower{c.follower} }

var _ fleet.Follower = Follower{}

// Follow is of fleet.Follower.
func (f Follower) Follow(o fleet.ObjectRef, content map[string]any) fleet.Followed {
	of := f.clusters[o.APIServer]
	if of == nil || of.entry.flat {
		return fleet.Followed{}
	}
	c := f.again(of)
	followed := map[string]fleet.Kustomization{}
	switch id := fleet.IDOf(o.APIServer, o.Namespace, o.Name); {
	case o.Group == kustomizationGroup && o.Kind == "Kustomization":
		c.come[id] = content != nil
		k := fleet.Kustomization{}
		if content != nil {
			k = c.followOne(c.another(id, content))
		}
		followed[id] = k
		k = withSets(k, of.facts()[id])
		followed[id] = k
		if was, known := of.facts()[id]; known && content != nil && sameReferences(was.DependsOn, k.DependsOn) {
			k.DependsOn = was.DependsOn
			followed[id] = k
		} else {
			c.refer(followed)
		}
	case o.Group == "helm.toolkit.fluxcd.io" && o.Kind == "HelmRelease":
		was := c.find(o.Kind, o.Namespace, o.Name) != nil
		if c.put(o, content); was != (content != nil) {
			c.refer(followed)
		}
	case c.put(o, content):
		for id, it := range of.items {
			if c.mayRead(it, o) {
				k := c.followOne(it.restarted())
				k.DependsOn = of.facts()[id].DependsOn
				followed[id] = withSets(k, of.facts()[id])
			}
		}
	}
	out := fleet.Followed{Kustomizations: map[string]fleet.Kustomization{}, Incomplete: c.incompleteWith(followed)}
	for id, k := range followed {
		if was := of.facts()[id]; !reflect.DeepEqual(was, k) {
			out.Kustomizations[id] = k
		}
	}
	return out
}

// resourceSetProblem is the kind of a problem with a ResourceSet.
const resourceSetProblem = "resource-set"

// withSets is a Kustomization with what was wrong with the ResourceSets that it applies, where it applies the same
// folder: they are not rendered again.
func withSets(k, was fleet.Kustomization) fleet.Kustomization {
	if k.Path != was.Path || k.PathState != fleet.Found {
		return k
	}
	for _, p := range was.Problems {
		if p.Kind == resourceSetProblem {
			k.Problems = append(slices.Clip(k.Problems), p)
		}
	}
	return k
}

const kustomizationGroup = "kustomize.toolkit.fluxcd.io"

// again is a cluster that was followed, to follow some of it once more. It shares what it has with the other.
func (f Follower) again(of *cluster) *cluster {
	follower := *f.follower
	follower.builder, follower.written = newBuilder(), newWritten(f.tree) // kept for nobody
	return &cluster{
		follower: &follower,
		clusterResult: &clusterResult{entry: of.entry, fact: of.fact, kustomizations: of.kustomizations, objects: of.objects,
			rendered: renderings{}},
		own: of.own, atEntry: of.atEntry, ownOrigin: of.ownOrigin, seen: of.seen, generators: of.generators,
		items: of.items,
		order: of.order, producers: of.producers, keys: of.keys, facts: of.facts, kept: of.rendered,
		instead: map[string]map[string]any{}, come: map[string]bool{},
	}
}

// put has an object stand in the place of the one that the tree has; false for a kind that Flux reads none of.
func (c *cluster) put(o fleet.ObjectRef, content map[string]any) bool {
	switch {
	case o.Group == "source.extensions.fluxcd.io" && o.Kind == "ArtifactGenerator":
		c.generators = slices.DeleteFunc(slices.Clone(c.generators), func(g map[string]any) bool {
			meta, _ := g["metadata"].(map[string]any)
			return str(meta, "namespace") == o.Namespace && str(meta, "name") == o.Name
		})
		if content != nil {
			c.generators = append(c.generators, content)
		}
	case o.Group == "" && (o.Kind == "ConfigMap" || o.Kind == "Secret"), o.Group == "source.toolkit.fluxcd.io",
		o.Group == "helm.toolkit.fluxcd.io":
		c.instead[o.Kind+"/"+o.Namespace+"/"+o.Name] = content
	default:
		return false
	}
	return true
}

// mayRead tells whether what a Kustomization comes to may hang on an object that is none.
func (c *cluster) mayRead(it *item, o fleet.ObjectRef) bool {
	own := sourceKey{o.Kind, o.Namespace, o.Name}
	switch {
	case o.Kind == "ArtifactGenerator":
		return it.source().kind == "ExternalArtifact"
	case o.Group == "source.toolkit.fluxcd.io":
		return it.source() == own || it.source().kind == "ExternalArtifact" || c.entry.source.is(own)
	case it.spec.PostBuild != nil:
		return it.fact.Namespace == o.Namespace && slices.ContainsFunc(
			it.spec.PostBuild.SubstituteFrom, func(ref kustomizev1.SubstituteReference) bool {
				return ref.Kind == o.Kind && ref.Name == o.Name
			})
	}
	return false
}

// another is a Kustomization as its API server is about to have it: whatever is above it in the tree has had its say.
func (c *cluster) another(id string, content map[string]any) *item {
	was := c.items[id]
	if was == nil {
		it := c.newItem(content, fleet.Origin{}, nil)
		it.literal = it.whole
		return it
	}
	it := c.newItem(content, was.fact.Origin, nil)
	it.literal = it.whole
	it.fact.Parent, it.fact.Chain = was.fact.Parent, was.fact.Chain
	if parent := c.items[was.fact.Parent]; parent != nil {
		it.fact.Suspended = it.fact.Suspended || parent.fact.Suspended
	}
	return it
}

// restarted is a Kustomization before its path is looked for.
func (it *item) restarted() *item {
	next := *it
	next.fact, next.vars, next.rendering = it.start, nil, nil
	return &next
}

// followOne is what is known of a Kustomization, without what follows from its dependencies.
func (c *cluster) followOne(it *item) fleet.Kustomization {
	it.vars, _ = c.newVariables(it)
	it.vars.open = it.vars.open || it.unpatched
	c.locate(it)
	if it.fact.PathState == fleet.Found {
		it.rendering = c.renderOnce(it, c.artifactOf(it))
	}
	c.describe(it)
	k := &it.fact
	k.DependsOn = c.references(it)
	fillEmpty(k)
	c.findKeyFault(k, it.decryptsWith())
	return *k
}

// sameReferences tells whether dependencies are on the same Kustomizations, whatever these depend on.
func sameReferences(a, b []fleet.Reference) bool {
	return slices.EqualFunc(a, b, func(a, b fleet.Reference) bool {
		return a.Namespace == b.Namespace && a.Name == b.Name && a.State == b.State && a.OtherKind == b.OtherKind
	})
}

// refer adds to the Kustomizations that were followed those whose dependencies are others now;
// one without an ID is gone.
func (c *cluster) refer(followed map[string]fleet.Kustomization) {
	all := maps.Clone(c.facts())
	for id, k := range all {
		if len(k.DependsOn) > 0 {
			k.DependsOn = c.references(c.items[id])
			all[id] = k
		}
	}
	for id, k := range followed {
		if all[id] = k; k.ID == "" {
			delete(all, id)
		}
	}
	list := make([]fleet.Kustomization, 0, len(all))
	for _, id := range slices.Sorted(maps.Keys(all)) {
		list = append(list, all[id])
	}
	findCycles(list)
	for _, k := range list {
		if len(k.DependsOn) > 0 {
			followed[k.ID] = k
		}
	}
}

// incompleteWith is what is not known of the cluster with some Kustomizations as they are now; nil
// where that has not changed.
func (c *cluster) incompleteWith(followed map[string]fleet.Kustomization) []fleet.Incomplete {
	before, same := c.facts(), true
	for id, k := range followed {
		was := before[id]
		same = same && reflect.DeepEqual(incompleteBy(&was), incompleteBy(&k))
	}
	if same {
		return nil
	}
	all := append([]fleet.Incomplete{}, c.producers...)
	order := slices.Clone(c.order)
	for _, id := range slices.Sorted(maps.Keys(followed)) {
		if _, known := before[id]; !known {
			order = append(order, id)
		}
	}
	for _, id := range order {
		k, again := followed[id]
		if !again {
			k = before[id]
		}
		all = append(all, incompleteBy(&k)...)
	}
	return all
}
