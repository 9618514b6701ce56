package change

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// fate is what becomes of an object that is not applied any more; nil where the cluster is gone with
// it, and nobody sees to it.
type fate struct {
	action                Action
	why, waits, uncertain string
}

// fateOf is that of an object, as the one who applied it leaves it.
//
// Source: fluxcd/kustomize-controller v1.9.6 internal/controller/kustomization_controller.go prune,
// finalizerShouldDeleteResources, deleteObjects.
func (c *comparison) fateOf(o *fleet.Object) *fate {
	if c.after.clusters[o.Cluster] == nil {
		return nil
	}
	switch {
	case c.after.disabled[o.ID]:
		return &fate{action: Orphan, why: "Flux is told to leave it alone"}
	case isMetadata(o, "prune", "disabled"):
		return &fate{action: Orphan, why: "its annotation keeps Flux from pruning it"}
	case isIgnored(o):
		return nil
	}
	before, after := c.before.kustomizations[o.Kustomization], c.after.kustomizations[o.Kustomization]
	if o.ResourceSet != "" && before != nil {
		return c.fateOfSet(o, before)
	}
	switch {
	case before == nil:
		return &fate{action: Prune, uncertain: "who has applied it is not known"}
	case after == nil:
		return c.fateWith(before)
	case after.APIServer != before.APIServer:
		return &fate{action: Orphan,
			why: "its Kustomization applies to another API server and leaves this one as it is"}
	}
	f := fate{action: Orphan, why: "its Kustomization does not prune"}
	switch {
	case after.Implicit && !after.Applying.Known:
		f = fate{action: Prune,
			uncertain: "the Kustomization of the entry point is not in Git; flux bootstrap has it prune"}
		if cluster := c.after.clusters[after.Cluster]; !cluster.Declared {
			f.uncertain = "nothing in the tree tells where Flux starts"
		}
	case !after.Applying.Known:
		f = fate{action: Prune, uncertain: "whether its Kustomization prunes is not known"}
	case after.Applying.Prune:
		f = fate{action: Prune}
	}
	if after.Applying.Suspend {
		f.waits = "its Kustomization is suspended"
	}
	if why := c.moreUnknown(after, before); why != "" && f.uncertain == "" {
		f.uncertain = "it may be applied all the same: " + why
	}
	return &f
}

// fateWith is that of what a Kustomization has applied that is gone itself.
func (c *comparison) fateWith(k *fleet.Kustomization) *fate {
	if f, known := c.fates[k.ID]; known {
		return f
	}
	// one that applies itself, in a circle
	c.fates[k.ID] = &fate{action: Orphan, why: "nothing deletes its Kustomization"}
	f := c.fateBelow(k)
	c.fates[k.ID] = f
	return f
}

func (c *comparison) fateBelow(k *fleet.Kustomization) *fate {
	object := c.before.flux[k.ID]
	if object == nil || object.Kustomization == k.ID {
		return c.fates[k.ID]
	}
	above := c.fateOf(object)
	if above == nil {
		return nil
	}
	if above.action == Orphan {
		return &fate{action: Orphan, why: "its Kustomization is left alone itself", waits: above.waits,
			uncertain: above.uncertain}
	}
	deletes := fate{action: Prune, why: "its Kustomization is pruned", waits: above.waits, uncertain: above.uncertain}
	keeps := deletes
	keeps.action = Orphan
	switch spec := k.Applying; {
	case !spec.Known:
		deletes.uncertain = cmp.Or(deletes.uncertain, "whether its Kustomization prunes is not known")
		return &deletes
	case spec.Suspend:
		keeps.why = "its Kustomization is pruned while it is suspended"
		return &keeps
	case spec.DeletionPolicy == "Delete" || spec.DeletionPolicy == "WaitForTermination":
		return &deletes
	case spec.DeletionPolicy == "Orphan":
		keeps.why = "its Kustomization is pruned and has the deletionPolicy Orphan"
		return &keeps
	case spec.Prune:
		return &deletes
	}
	keeps.why = "its Kustomization is pruned and does not prune"
	return &keeps
}

// fateOfSet is that of what a ResourceSet has made: the Flux Operator deletes it, and all of it with the ResourceSet.
func (c *comparison) fateOfSet(o *fleet.Object, k *fleet.Kustomization) *fate {
	id := k.APIServer + "/" + o.ResourceSet
	if c.after.sets[id] != nil {
		return &fate{action: Prune}
	}
	if set := c.before.sets[id]; set != nil {
		return c.fateOf(set)
	}
	return &fate{action: Prune, uncertain: "the ResourceSet that made it is not known"}
}

// isMetadata is true for a word to Flux that an object has as a label or an annotation.
//
// Source: fluxcd/pkg ssa v0.77.0 utils AnyInMetadata.
func isMetadata(o *fleet.Object, key, value string) bool {
	meta, _ := o.Content["metadata"].(map[string]any)
	for _, field := range []string{"labels", "annotations"} {
		if m, _ := meta[field].(map[string]any); m["kustomize.toolkit.fluxcd.io/"+key] == value {
			return true
		}
	}
	return false
}

// isIgnored is true for what Flux never applies.
func isIgnored(o *fleet.Object) bool { return isMetadata(o, "ssa", "Ignore") }

// bringing are the kinds of what is unknown that may bring objects.
var bringing = []fleet.UnknownKind{fleet.UnknownRemoteBase, fleet.UnknownRemoteFile, fleet.UnknownFile,
	fleet.UnknownObject, fleet.UnknownAbsent, fleet.UnknownBuild}

// moreUnknown says what may bring objects of a Kustomization that may not in another revision of it; empty for nothing.
func (c *comparison) moreUnknown(k, other *fleet.Kustomization) string {
	for _, inc := range k.Incomplete {
		same := func(o fleet.Incomplete) bool { return o.Kind == inc.Kind && o.Why == inc.Why }
		if slices.Contains(bringing, inc.Kind) && !slices.ContainsFunc(other.Incomplete, same) {
			return inc.Why
		}
	}
	if !reflect.DeepEqual(c.remotes(k.ID, "-", c.before), c.remotes(k.ID, "+", c.after)) {
		return "a base or file on another server is another one"
	}
	return ""
}

// remotes are what a Kustomization takes from other servers, as it is written in files that differ.
func (c *comparison) remotes(id, sign string, s *side) (all []any) {
	for _, inc := range s.kustomizations[id].Incomplete {
		if (inc.Kind == fleet.UnknownRemoteBase || inc.Kind == fleet.UnknownRemoteFile) &&
			c.hidden.changed[inc.Origin.File] {
			all = append(all, c.hidden.document(sign, s.FS, inc.Origin))
		}
	}
	return all
}

// compareKustomizations tells of those of which Flux applies nothing, or nobody knows what.
func (c *comparison) compareKustomizations() {
	for i := range c.after.Tree.Kustomizations {
		k := &c.after.Tree.Kustomizations[i]
		old := c.before.kustomizations[k.ID]
		n := Note{Kustomization: k.ID, Objects: c.before.counts[k.ID]}
		switch {
		case fails(k) && (old == nil || !fails(old) || c.skipped[k.ID] > 0):
			n.Kind, n.Why = "fails", "its build fails: Flux applies nothing of it and deletes nothing"
			if old != nil && fails(old) {
				n.Why = "its build fails as it did before: Flux applies nothing of it and deletes nothing"
			}
			if why := problem(k); why != "" {
				n.Why += "; " + why
			}
		case !fails(k) && !c.after.applies(k):
			if c.skipped[k.ID] > 0 || old != nil && c.before.applies(old) {
				c.unknown = append(c.unknown, Note{Kind: "unknown", Kustomization: k.ID, Why: unknownWhy(k),
					Objects: n.Objects})
			}
			continue
		case old == nil:
			continue
		case fails(old) && !fails(k):
			n.Kind, n.Why = "fixed", "its build failed before, so that what runs is older than what is compared"
		case k.Applying.Suspend && !old.Applying.Suspend:
			n.Kind, n.Why = "suspended", "from now on Flux applies no change of it"
		case old.Applying.Suspend && !k.Applying.Suspend:
			n.Kind, n.Why = "resumed", "Flux applies as well what has changed since it was suspended"
		default:
			if why := c.unread(k, old); why != "" {
				c.unknown = append(c.unknown, Note{Kind: "unknown", Kustomization: k.ID, Why: why, Objects: n.Objects})
			}
			continue
		}
		c.notes[k.Cluster] = append(c.notes[k.Cluster], n)
	}
}

func problem(k *fleet.Kustomization) string {
	if len(k.Problems) > 0 {
		return k.Problems[0].Message
	}
	if k.PathState == fleet.Missing {
		return fmt.Sprintf("the path %q does not exist", k.Path)
	}
	return ""
}

func unknownWhy(k *fleet.Kustomization) string {
	if !k.Local {
		return "its source is not this repository"
	}
	if len(k.Incomplete) > 0 {
		return k.Incomplete[0].Why
	}
	return "it is not built here"
}

// unread says what of a Kustomization is not read now and was before, or the other way round; empty for nothing.
func (c *comparison) unread(k, old *fleet.Kustomization) string {
	if why := c.moreUnknown(k, old); why != "" {
		return why
	}
	if why := c.moreUnknown(old, k); why != "" {
		return "no longer: " + why
	}
	return ""
}
