package loader

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/resourceset"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// integrate takes a rendered Kustomization into the cluster and returns the Kustomizations that it applies.
func (c *cluster) integrate(it *item) []*item {
	c.describe(it)
	var children []*item
	if r := it.rendering; r != nil {
		for _, name := range r.Files {
			c.reached[name] = true
		}
		c.clear = append(c.clear, c.resolveClear(it, r.Clear)...)
		for _, o := range r.Objects {
			children = append(children, c.apply(it, o)...)
		}
	}
	c.name(it)
	c.items[it.fact.ID] = it
	c.kustomizations = append(c.kustomizations, it.fact)
	return children
}

// describe says of a Kustomization what its spec and what it builds come to.
func (c *cluster) describe(it *item) {
	k := &it.fact
	k.Build = fleet.Unknown
	if r := it.rendering; r != nil {
		k.Build = r.State
		k.Applying.Files, k.Applying.Disabled = r.Files, r.Disabled
		k.Problems = slices.Clone(r.Problems)
		k.Incomplete = slices.Concat(k.Incomplete, r.Incomplete)
		k.Encrypted = slices.Clone(r.Encrypted)
		k.DecryptionFaults = slices.Clone(r.DecryptionFaults)
		k.Undefined, k.Joined = slices.Clone(r.Undefined), slices.Clone(r.Joined)
		k.Effects = slices.Clone(r.Effects)
		it.place()
		if r.Substitutable {
			k.Incomplete = append(k.Incomplete, c.unknownVariables(it)...)
		}
		k.Substitutes = it.spec.PostBuild != nil && it.vars.any()
		if len(it.vars.invalid) > 0 && r.Substitutable {
			k.Build = fleet.Missing
			k.Problems = append(k.Problems, fleet.BuildProblem{
				Kind: "substitution", Origin: k.Origin, At: []any{"spec", "postBuild"},
				Message: secret.Message(fmt.Sprintf(
					"%q is not the name of a variable, so substitution fails, and with it the whole Kustomization",
					it.vars.invalid[0]))})
		}
		for _, o := range r.Objects {
			if o.Encrypted {
				k.Encrypted = append(k.Encrypted, o.Object.Origin)
			}
			k.Incomplete = append(k.Incomplete, unknownChart(&o.Object)...)
		}
		if it.whole && r.whole() && !k.Substitutes {
			k.Literal = literal(r.Objects)
		}
		if r.Partial {
			k.Incomplete = append(k.Incomplete, fleet.Incomplete{
				Kind: fleet.UnknownBuild, Why: "the build fails here, so its objects are read without patches",
				Origin: k.Origin})
		}
	}
	if k.Decryption == "" && it.unpatched {
		k.Decryption = "unknown"
	}
}

// decryptsWith is the name of the Secret with the keys; empty where none is known.
func (it *item) decryptsWith() string {
	if d := it.spec.Decryption; d != nil && d.SecretRef != nil && d.Provider == "sops" && !it.unpatched {
		return d.SecretRef.Name
	}
	return ""
}

// place leads what a build says of the spec of whatever it is built for to this Kustomization.
func (it *item) place() {
	k := &it.fact
	for i := range k.Problems {
		if p := &k.Problems[i]; p.Origin.File == "" {
			p.Origin = k.Origin
		}
	}
	for i := range k.Incomplete {
		if inc := &k.Incomplete[i]; inc.Origin.File == "" {
			inc.Origin = it.at(inc.Origin.Field...)
		}
	}
	for i := range k.Effects {
		if e := &k.Effects[i]; e.Origin.File == "" {
			e.Origin = k.Origin
		}
	}
	for i := range k.Undefined {
		if v := &k.Undefined[i]; v.Origin.File == "" && len(v.Field) > 0 {
			v.Origin = k.Origin
		}
	}
}

// literal are the variables in the objects' names and namespaces.
func literal(objects []rendered) (all []fleet.UndefinedVariable) {
	for _, o := range objects {
		for _, field := range []struct{ name, text string }{
			{"name", o.Object.Name}, {"namespace", o.Object.Namespace}} {
			if name := variable.FindStringSubmatch(field.text); name != nil {
				all = append(all, fleet.UndefinedVariable{Name: name[1], Origin: o.Object.Origin,
					Field: []any{"metadata", field.name}})
				break
			}
		}
	}
	return all
}

// variable is one that Flux substitutes.
var variable = regexp.MustCompile(`\$\{([_a-zA-Z][_a-zA-Z0-9]*)`)

// unknownVariables are the sources of variables that this repository does not show.
func (c *cluster) unknownVariables(it *item) (all []fleet.Incomplete) {
	if it.spec.PostBuild == nil {
		return nil
	}
	for i, ref := range it.spec.PostBuild.SubstituteFrom {
		if c.find(ref.Kind, it.fact.Namespace, ref.Name) == nil {
			all = append(all, fleet.Incomplete{Kind: fleet.UnknownVariables,
				Why:    secret.Message(fmt.Sprintf("the variables of %s %q are not in Git", ref.Kind, ref.Name)),
				Origin: it.at("spec", "postBuild", "substituteFrom", i)})
		}
	}
	if it.unpatched {
		all = append(all, fleet.Incomplete{Kind: fleet.UnknownVariables,
			Why:    "a patch that cannot be read may bring a further source of variables",
			Origin: it.at("spec", "postBuild")})
	}
	return all
}

// apply takes one object into the cluster, and returns the Kustomization that it is.
func (c *cluster) apply(it *item, r rendered) []*item {
	o := r.Object
	o.Cluster, o.APIServer, o.Kustomization, o.Suspended = c.entry.cluster, it.fact.APIServer, it.fact.ID,
		it.fact.Suspended
	o.ID = objectID(o)
	c.objects = append(c.objects, &o)
	c.values += r.values()
	if it.fact.APIServer != c.entry.cluster {
		return nil
	}
	key := o.Kind + "/" + o.Namespace + "/" + o.Name
	switch {
	case o.Kind == "ConfigMap" || o.Kind == "Secret" || o.Group == "source.toolkit.fluxcd.io":
		c.own[key], c.ownOrigin[key] = r.asApplied(), o.Origin
	case o.Kind == "HelmRelease":
		c.own[key] = map[string]any{}
	case o.Kind == "ArtifactGenerator" && o.Group == "source.extensions.fluxcd.io":
		c.produces(o, r.asApplied())
	case o.Kind == "ResourceSet" && o.Group == resourceset.Group:
		if id := o.Namespace + "/" + o.Name; !c.setsSeen[id] {
			c.setsSeen[id] = true
			c.sets = append(c.sets, &resourceSet{it: it, object: r.asApplied(), fact: &o})
		}
	case o.Kind == "ResourceSetInputProvider" && o.Group == resourceset.Group:
		c.providers = append(c.providers, inputProvider{o.Namespace, o.Name, r.asApplied()})
	case isFluxKustomization(str(o.Content, "apiVersion"), o.Kind):
		child := c.newItem(r.asApplied(), o.Origin, it)
		if c.seen[child.fact.ID] {
			return nil
		}
		c.seen[child.fact.ID] = true
		return []*item{child}
	}
	return nil
}

// unknownChart is the chart of a HelmRelease, at the line that names it.
func unknownChart(o *fleet.Object) []fleet.Incomplete {
	if o.Kind != "HelmRelease" || o.Group != "helm.toolkit.fluxcd.io" {
		return nil
	}
	spec, _ := o.Content["spec"].(map[string]any)
	field, ref := []any{"spec", "chartRef", "name"}, spec["chartRef"]
	if chart, _ := spec["chart"].(map[string]any); chart != nil {
		field, ref = []any{"spec", "chart", "spec", "chart"}, chart["spec"]
	}
	from, _ := ref.(map[string]any)
	origin := o.Origin
	origin.Field = slices.Concat(origin.Field, field)
	return []fleet.Incomplete{{Kind: fleet.UnknownChart, Origin: origin,
		Why: secret.Message(fmt.Sprintf("the chart %q is not rendered",
			cmp.Or(str(from, "chart"), str(from, "name"))))}}
}

// newObject is an object without what depends on who applies it to what. Texts may be known to be secret.
func newObject(object map[string]any, origin fleet.Origin, known ...string) fleet.Object {
	meta, _ := object["metadata"].(map[string]any)
	group, _, ok := strings.Cut(str(object, "apiVersion"), "/")
	if !ok {
		group = ""
	}
	return fleet.Object{Group: group, Kind: str(object, "kind"),
		Namespace: str(meta, "namespace"), Name: str(meta, "name"), Origin: origin,
		Content: secret.RedactKnown(object, known)}
}

func objectID(o fleet.Object) string {
	return o.APIServer + "/" + fleet.GroupKind(o.Group, o.Kind) + "/" + o.Namespace + "/" + o.Name
}

// name keeps the variables by which the cluster is called. What a Kustomization far from the entry point sets itself
// says something of that Kustomization only.
func (c *cluster) name(it *item) {
	if it.vars == nil {
		return
	}
	for name, value := range it.vars.values {
		near := len(it.fact.Chain) <= 2 || it.spec.PostBuild.Substitute[name] == ""
		if near && fleet.NamesCluster(name) && len(value) <= 63 && !strings.Contains(value, "${") &&
			secret.Name(value) == value {
			c.fact.Variables[name] = cmp.Or(c.fact.Variables[name], value)
		}
	}
}

// finish looks the dependencies and the version of Flux up, when all of the cluster is known.
func (c *cluster) finish() {
	c.fact.FluxVersion = fluxVersion(c.objects)
	c.producers = slices.Clip(c.fact.Incomplete)
	for i := range c.kustomizations {
		k := &c.kustomizations[i]
		c.fact.Incomplete = append(c.fact.Incomplete, incompleteBy(k)...)
		c.order = append(c.order, k.ID)
		k.DependsOn = c.references(c.items[k.ID])
		fillEmpty(k)
	}
	c.findKeyFaults()
	findCycles(c.kustomizations)
	sortAll(c.kustomizations, c.objects)
}

// incompleteBy is what a Kustomization leaves unknown of its cluster.
func incompleteBy(k *fleet.Kustomization) (all []fleet.Incomplete) {
	if k.PathState == fleet.Missing {
		all = append(all, fleet.Incomplete{Kind: fleet.UnknownAbsent, Origin: k.Origin,
			Why: secret.Message("the path of the Kustomization " + k.Name +
				" does not exist, so what it was to apply is not known")})
	}
	for _, inc := range k.Incomplete {
		if inc.Kind != fleet.UnknownRemoteFile && inc.Kind != fleet.UnknownVariables && inc.Kind != fleet.UnknownChart {
			all = append(all, inc)
		}
	}
	return all
}

// references are the entries of a Kustomization's dependsOn, without cycles.
func (c *cluster) references(it *item) []fleet.Reference {
	if it == nil { // of a folder whose manifests count as applied
		return []fleet.Reference{}
	}
	all := make([]fleet.Reference, 0, len(it.spec.DependsOn))
	for _, ref := range it.spec.DependsOn {
		r := fleet.Reference{Namespace: cmp.Or(ref.Namespace, it.fact.Namespace), Name: ref.Name, State: fleet.Missing,
			Cycle: []string{}}
		switch {
		case strings.Contains(ref.Name, "$"):
			r.State = fleet.Unknown
		case c.has(fleet.IDOf(c.entry.cluster, r.Namespace, r.Name)):
			r.State = fleet.Found
		case c.find("HelmRelease", r.Namespace, r.Name) != nil:
			r.OtherKind = "HelmRelease"
		}
		all = append(all, r)
	}
	return all
}

// fillEmpty makes lists out of what is nil, so that the JSON form has no null in their place.
func fillEmpty(k *fleet.Kustomization) {
	if k.Problems == nil {
		k.Problems = []fleet.BuildProblem{}
	}
	if k.Incomplete == nil {
		k.Incomplete = []fleet.Incomplete{}
	}
	if k.Undefined == nil {
		k.Undefined = []fleet.UndefinedVariable{}
	}
	if k.Joined == nil {
		k.Joined = []fleet.JoinedVariable{}
	}
	if k.Effects == nil {
		k.Effects = []fleet.BuildEffect{}
	}
	if k.Literal == nil {
		k.Literal = []fleet.UndefinedVariable{}
	}
	for i := range k.Undefined {
		if k.Undefined[i].Field == nil {
			k.Undefined[i].Field = []any{}
		}
	}
	if k.Encrypted == nil {
		k.Encrypted = []fleet.Origin{}
	}
	if k.KeyFaults == nil {
		k.KeyFaults = []fleet.KeyFault{}
	}
	if k.DecryptionFaults == nil {
		k.DecryptionFaults = []fleet.DecryptionFault{}
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
