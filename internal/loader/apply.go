package loader

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// reconcileLabel on an object, as a label or an annotation with the value "disabled", keeps Flux from applying it, and
// decryptLabel from decrypting it.
const (
	reconcileLabel = "kustomize.toolkit.fluxcd.io/reconcile"
	decryptLabel   = "kustomize.toolkit.fluxcd.io/decrypt"
)

// integrate takes a built Kustomization into the cluster and returns the Kustomizations that it applies.
func (c *cluster) integrate(it *item) []*item {
	k := &it.fact
	k.Build = fleet.Unknown
	var children []*item
	if it.build != nil {
		k.Build = it.build.state()
		k.Problems = it.build.problems
		k.Incomplete = append(k.Incomplete, it.build.incomplete...)
		k.Encrypted = slices.Clone(it.build.encrypted)
		for _, name := range it.build.files {
			c.reached[name] = true
		}
		k.Substitutes = it.spec.PostBuild != nil && it.vars.any()
		if len(it.unparsed) > 0 {
			k.Build = fleet.Missing
			k.Problems = slices.Concat(k.Problems, it.unparsed)
		}
		for _, r := range it.rendered {
			children = append(children, c.apply(it, r)...)
		}
		if it.build.partial {
			k.Incomplete = append(k.Incomplete, fleet.Incomplete{Why: "the build fails here, so its objects are read without patches", Origin: k.Origin})
		}
	}
	if k.Decryption == "" && it.partial {
		k.Decryption = "unknown"
	}
	c.name(it)
	c.dependsOn[k.ID] = it.spec.DependsOn
	c.kustomizations = append(c.kustomizations, *k)
	return children
}

// rendered is an object as Flux applies it.
type rendered struct {
	object    map[string]any // with its secrets: what Flux itself reads
	fact      fleet.Object
	encrypted bool
}

// render makes the objects of a build what Flux applies: substitution, then common metadata. It changes nothing but the item.
//
// Source: fluxcd/kustomize-controller v1.9.4 internal/controller/kustomization_controller.go:753-866.
func (c *cluster) render(it *item) {
	if len(it.vars.invalid) > 0 && slices.ContainsFunc(it.build.objects, func(b built) bool { return !labelled(b.object, substituteLabel, "disabled") }) {
		it.unparsed = append(it.unparsed, fleet.BuildProblem{Kind: "substitution", Origin: it.fact.Origin, At: []any{"spec", "postBuild"},
			Message: fmt.Sprintf("%q is no name of a variable, so substitution fails, and with it the whole Kustomization", it.vars.invalid[0])})
	}
	for _, b := range it.build.objects {
		object := b.object
		if str(object, "kind") == "Kustomization" && strings.HasPrefix(str(object, "apiVersion"), "kustomize.config.k8s.io/") {
			continue // a kustomization file's own kind, which Flux leaves out
		}
		if it.spec.PostBuild != nil && b.variables && it.vars.any() {
			substituted, err := it.vars.apply(object)
			switch {
			case errors.Is(err, errUnknownValue):
				it.fact.Incomplete = append(it.fact.Incomplete, fleet.Incomplete{Why: "an object cannot be read without the values of its variables", Origin: b.origin})
			case err != nil:
				it.unparsed = append(it.unparsed, fleet.BuildProblem{Kind: "substitution", Origin: b.origin,
					Message: "substitution fails for this object, and with it the whole Kustomization: " + firstLine(err)})
			default:
				object = substituted
			}
		}
		if m := it.spec.CommonMetadata; m != nil {
			object = withMetadata(object, m.Labels, m.Annotations)
		}
		if labelled(object, reconcileLabel, "disabled") {
			continue
		}
		o := newObject(c.entry.cluster, it.fact.APIServer, object, b.origin)
		o.Kustomization, o.Suspended = it.fact.ID, it.fact.Suspended
		encrypted := c.isEncrypted(b.origin) && !labelled(b.object, decryptLabel, "disabled")
		it.rendered = append(it.rendered, rendered{object, o, encrypted})
	}
}

// apply takes one object into the cluster, and returns the Kustomization that it is.
func (c *cluster) apply(it *item, r rendered) []*item {
	if r.encrypted {
		it.fact.Encrypted = append(it.fact.Encrypted, r.fact.Origin)
	}
	o, object := r.fact, r.object
	c.objects = append(c.objects, o)
	if it.fact.APIServer != c.entry.cluster {
		return nil
	}
	key := o.Kind + "/" + o.Namespace + "/" + o.Name
	switch {
	case o.Kind == "ConfigMap" || o.Kind == "Secret" || o.Group == "source.toolkit.fluxcd.io":
		c.own[key] = object
	case o.Kind == "HelmRelease":
		c.own[key] = map[string]any{}
	case o.Kind == "ResourceSet" || o.Kind == "ArtifactGenerator" && o.Group == "source.extensions.fluxcd.io":
		c.fact.Incomplete = append(c.fact.Incomplete, fleet.Incomplete{Why: "the " + o.Kind + " " + o.Name + " makes further objects", Origin: o.Origin})
	case isFluxKustomization(str(object, "apiVersion"), o.Kind):
		child := c.newItem(object, o.Origin, it)
		if c.seen[child.fact.ID] {
			return nil
		}
		c.seen[child.fact.ID] = true
		return []*item{child}
	}
	return nil
}

func newObject(cluster, apiServer string, object map[string]any, origin fleet.Origin) fleet.Object {
	meta, _ := object["metadata"].(map[string]any)
	group, _, ok := strings.Cut(str(object, "apiVersion"), "/")
	if !ok {
		group = ""
	}
	o := fleet.Object{Cluster: cluster, APIServer: apiServer, Group: group, Kind: str(object, "kind"),
		Namespace: str(meta, "namespace"), Name: str(meta, "name"), Origin: origin, Content: secret.Redact(object)}
	o.ID = apiServer + "/" + fleet.GroupKind(group, o.Kind) + "/" + o.Namespace + "/" + o.Name
	return o
}

func (c *cluster) isEncrypted(o fleet.Origin) bool {
	f := c.tree.files[o.File]
	return f != nil && slices.ContainsFunc(f.docs, func(d document) bool { return d.Index == o.Document && d.Encryption != nil && len(o.Field) == 0 })
}

// withMetadata is the object with spec.commonMetadata; the object itself stays as it is.
func withMetadata(object map[string]any, labels, annotations map[string]string) map[string]any {
	out := maps.Clone(object)
	meta, _ := object["metadata"].(map[string]any)
	meta = maps.Clone(meta)
	for field, added := range map[string]map[string]string{"labels": labels, "annotations": annotations} {
		if len(added) == 0 || meta == nil {
			continue
		}
		old, _ := meta[field].(map[string]any)
		all := maps.Clone(old)
		if all == nil {
			all = map[string]any{}
		}
		for k, v := range added {
			all[k] = v
		}
		meta[field] = all
	}
	out["metadata"] = meta
	return out
}

// namesCluster tells the variables by which a cluster is called.
var namesCluster = regexp.MustCompile(`(?i)cluster|location|site|region|member`)

// name keeps the variables by which the cluster is called. What a Kustomization far from the entry point sets itself says
// something of that Kustomization only.
func (c *cluster) name(it *item) {
	if it.vars == nil {
		return
	}
	for name, value := range it.vars.values {
		near := len(it.fact.Chain) <= 2 || it.spec.PostBuild.Substitute[name] == ""
		if near && namesCluster.MatchString(name) && len(value) <= 63 && !strings.Contains(value, "${") {
			c.fact.Variables[name] = cmp.Or(c.fact.Variables[name], value)
		}
	}
}

// finish looks the dependencies up, when all of the cluster is known.
func (c *cluster) finish() {
	for i := range c.kustomizations {
		k := &c.kustomizations[i]
		if k.PathState == fleet.Missing {
			c.fact.Incomplete = append(c.fact.Incomplete, fleet.Incomplete{Why: "the path of the Kustomization " + k.Name + " does not exist, so what it was to apply is not known", Origin: k.Origin})
		}
		for _, inc := range k.Incomplete {
			if !strings.HasSuffix(inc.Why, ".yaml is remote") && !strings.HasSuffix(inc.Why, ".yml is remote") {
				c.fact.Incomplete = append(c.fact.Incomplete, inc)
			}
		}
		object := c.dependsOn[k.ID]
		k.DependsOn = make([]fleet.Reference, 0, len(object))
		for _, ref := range object {
			if ref.Namespace == "" {
				ref.Namespace = k.Namespace
			}
			r := fleet.Reference{Namespace: ref.Namespace, Name: ref.Name, State: fleet.Missing}
			switch {
			case strings.Contains(ref.Name, "$"):
				r.State = fleet.Unknown
			case c.seen[path.Join(c.entry.cluster, ref.Namespace, ref.Name)]:
				r.State = fleet.Found
			case c.own["HelmRelease/"+ref.Namespace+"/"+ref.Name] != nil:
				r.OtherKind = "HelmRelease"
			}
			k.DependsOn = append(k.DependsOn, r)
		}
		fillEmpty(k)
	}
}

// fillEmpty makes lists out of what is nil, so that the JSON form has no null in their place.
func fillEmpty(k *fleet.Kustomization) {
	if k.Problems == nil {
		k.Problems = []fleet.BuildProblem{}
	}
	if k.Incomplete == nil {
		k.Incomplete = []fleet.Incomplete{}
	}
	if k.Encrypted == nil {
		k.Encrypted = []fleet.Origin{}
	}
	if k.Chain == nil {
		k.Chain = []string{}
	}
	for i := range k.Problems {
		if k.Problems[i].At == nil {
			k.Problems[i].At = []any{}
		}
	}
}
