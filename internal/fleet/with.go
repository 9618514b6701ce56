package fleet

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Path leads to a fact in data.fleet: ["members", "ottawa"].
type Path []string

// AnyStep is a step that stands for any.
const AnyStep = "*"

// Meets is true where one path leads to the other, or both to the same.
func (p Path) Meets(other Path) bool {
	n := min(len(p), len(other))
	return slices.EqualFunc(p[:n], other[:n], func(a, b string) bool { return a == b || a == AnyStep || b == AnyStep })
}

// With is the fleet in which one object is as content has it, nil where it is not there, and the facts in which that
// fleet differs from f. The object keeps its origin where f has it, and has none otherwise. f is not changed; the two
// share everything else. Content must be without secrets, like Object.Content, and must not be changed later.
// Flux is followed again where the object is one that Flux itself reads, through the files of the tree and with
// all other objects as they were. Without a Follower what is said of a Flux Kustomization that is not the one in
// Git is dropped, and so unknown.
func (f *Fleet) With(ref ObjectRef, content map[string]any) (*Fleet, []Path) {
	at := f.keyOf(ref)
	before, was := f.object(at)
	if was == (content != nil) && reflect.DeepEqual(before.Content, content) {
		return f, nil
	}
	object := before
	if !was {
		object = Object{
			ID:        strings.Join([]string{at.server, at.kind, at.namespace, at.name}, "/"),
			Cluster:   cmp.Or(ref.Cluster, f.APIServers[at.server].Cluster),
			APIServer: at.server, Group: ref.Group, Kind: ref.Kind, Namespace: at.namespace, Name: at.name,
		}
	}
	object.Content = content

	with := *f
	with.Objects = replace(f.Objects, at, &object, content != nil)
	changed := []Path{{"objects", at.server, at.kind, at.namespace, at.name}}
	if was && content != nil {
		changed = differing(append(changed[0], "object"), before.Content, content)
	}
	changed = append(changed, with.follow(before, object)...)
	changed = append(changed, with.makeAgain(before, object)...)
	if at.kind == helmReleaseKind {
		with.charts = f.recount(before, object)
	}
	if f.joinedBy(at) || with.joinedBy(at) || f.receivesKarmada(at.server) != with.receivesKarmada(at.server) {
		with.joinServers()
		with.callTheRoll(with.declared)
		// API servers tell what policies may miss, members what becomes of their workloads.
		if reflect.DeepEqual(f.APIServers, with.APIServers) && reflect.DeepEqual(f.Members, with.Members) &&
			reflect.DeepEqual(f.taintPlanes, with.taintPlanes) {
			with.reread(at)
		} else {
			with.readPolicies()
		}
		return &with, append(changed, f.joinedDifferences(&with)...)
	}
	if at.kind == customizationKind { // it may count the replicas of anything
		with.readPolicies()
		return &with, append(changed, f.joinedDifferences(&with)...)
	}
	changed = append(changed, with.reread(at)...)
	for _, target := range append(with.recounts(before), with.recounts(object)...) {
		changed = append(changed, with.reread(target)...)
	}
	return &with, changed
}

// keyOf is the place of an object. One in the namespace default may be without a namespace in Git.
func (f *Fleet) keyOf(ref ObjectRef) key {
	at := key{ref.APIServer, GroupKind(ref.Group, ref.Kind), ref.Namespace, ref.Name}
	if at.namespace == defaultNamespace {
		if _, ok := f.object(at); !ok {
			bare := at
			bare.namespace = ""
			if _, ok := f.object(bare); ok {
				return bare
			}
		}
	}
	return at
}

// follow brings what Flux makes of an object up to date, and tells what that changes. An object
// without content is not there.
func (f *Fleet) follow(before, after Object) (changed []Path) {
	if before.Content != nil && after.Content != nil && !differ(before.Content, after.Content) {
		return nil
	}
	followed := Followed{}
	if f.follower != nil {
		followed = f.follower.Follow(ObjectRef{Cluster: after.Cluster, APIServer: after.APIServer, Group: after.Group,
			Kind:      after.Kind,
			Namespace: after.Namespace, Name: after.Name}, after.Content)
	} else if id := IDOf(after.APIServer, after.Namespace, after.Name); kindOf(after) == kustomizationKind {
		if _, known := f.Kustomizations[id]; known {
			followed.Kustomizations = map[string]Kustomization{id: {}}
		}
	}
	if len(followed.Kustomizations) > 0 {
		f.Kustomizations = maps.Clone(f.Kustomizations)
	}
	for _, id := range sorted(followed.Kustomizations) {
		changed = append(changed, Path{"kustomizations", id})
		if f.Kustomizations[id] = followed.Kustomizations[id].complete(); f.Kustomizations[id].ID == "" {
			delete(f.Kustomizations, id)
		}
	}
	if c, known := f.Clusters[after.APIServer]; known && followed.Incomplete != nil {
		c.Incomplete = followed.Incomplete
		f.Clusters = put(f.Clusters, after.APIServer, c, true)
		changed = append(changed, Path{"clusters", after.APIServer, "incomplete"})
	}
	return changed
}

// differ tells whether two objects differ in more than their metadata.
func differ(a, b map[string]any) bool {
	fields := func(object map[string]any) map[string]any {
		object = maps.Clone(object)
		delete(object, "metadata")
		return object
	}
	return !reflect.DeepEqual(fields(a), fields(b))
}

// recount counts the charts at each API server after a HelmRelease has changed; an object without content is none.
func (f *Fleet) recount(before, after Object) map[string]int {
	charts := maps.Clone(f.charts)
	if before.Content != nil {
		charts[f.chartAt(before)]--
	}
	if after.Content != nil {
		charts[f.chartAt(after)]++
	}
	delete(charts, "")
	maps.DeleteFunc(charts, func(_ string, count int) bool { return count == 0 })
	return charts
}

// joinedBy is true where more of the fleet than policies may hang on what is, or is not, at a place.
func (f *Fleet) joinedBy(at key) bool {
	if f.lookedUp[at] {
		return true
	}
	object, ok := f.object(at)
	if !ok {
		return false
	}
	if _, known := f.APIServers[at.server]; !known {
		return true
	}
	switch at.kind {
	case memberKind, karmadaKind, taintKind, ociKind, helmChartKind:
		return true
	case helmReleaseKind:
		chart, _ := chartName(object, func(kind, namespace, name string) (Object, bool) {
			return f.object(key{at.server, kind, namespace, name})
		})
		return chart == karmadaChart || f.charts[f.chartAt(object)] == 1 || isElsewhere(object)
	case deploymentKind:
		_, isAgent := deploymentAgent(object)
		return isAgent || len(schedulersOf(object)) > 0
	case serviceKind, ingressKind, gatewayKind, tlsRouteKind, tcpRouteKind, httpRouteKind:
		for _, c := range f.ControlPlanes {
			if c.Cluster == at.server {
				return true
			}
		}
	}
	return false
}

// reread reads the policies again that may select what is at a place, and the one that is there or was.
func (f *Fleet) reread(at key) []Path {
	var changed []Path
	for _, by := range f.maySelect(at) {
		if policy, ok := f.object(by); ok && by != at {
			changed = append(changed, f.rereadPolicy(policy)...)
		}
	}
	if _, ok := policyKinds[at.kind]; !ok {
		return changed
	}
	f.changed = append(slices.Clip(f.changed), at)
	policy, ok := f.object(at)
	if !ok { // it selects nothing any more
		kind, group, _ := strings.Cut(at.kind, ".")
		policy = Object{APIServer: at.server, Group: group, Kind: kind, Namespace: at.namespace, Name: at.name}
	}
	return append(changed, f.rereadPolicy(policy)...)
}

// selectorKey is what a selector asks for: a kind without its group, and a name or, empty, any. Whatever
// it selects is of that kind.
type selectorKey struct{ server, kind, name string }

// maySelect are the policies of which a selector may be about what is at a place, whatever that is like.
func (f *Fleet) maySelect(at key) []key {
	kind, _, _ := strings.Cut(at.kind, ".")
	all := slices.Concat(f.bySelector[selectorKey{at.server, kind, at.name}], f.bySelector[selectorKey{at.server, kind, ""}], f.changed)
	slices.SortFunc(all, key.compare)
	return slices.Compact(all)
}

// rereadPolicy brings what follows from one policy up to date, and tells what that changes.
// One without content is gone.
func (f *Fleet) rereadPolicy(object Object) []Path {
	id := PolicyID(object)
	old, known := f.Policies[id]
	policy := f.policy(object)
	var changed []Path
	if !reflect.DeepEqual(old, policy) || known != (object.Content != nil) {
		changed = append(changed, Path{"policies", id})
		f.Policies = maps.Clone(f.Policies)
		f.Policies[id] = policy
		if object.Content == nil {
			delete(f.Policies, id)
		}
	}
	if !policyKinds[kindOf(object)] {
		return changed
	}
	claims := policy.claims(object)
	for at := range old.claims(object) {
		if _, still := claims[at]; !still {
			claims[at] = Claim{}
		}
	}
	for at, claim := range claims {
		before := f.Claims[at.server][at.kind][at.namespace][at.name]
		after := slices.DeleteFunc(slices.Clone(before), func(c Claim) bool { return c.Policy == id })
		if claim.Policy != "" {
			after = insert(after, claim)
		}
		if !slices.Equal(before, after) {
			changed = append(changed, Path{"claims", at.server, at.kind, at.namespace, at.name})
			f.Claims = replace(f.Claims, at, after, len(after) > 0)
		}
	}
	return changed
}

// replace is an index with another value at a place, or none. What leads to the place is copied, the rest shared.
func replace[V any](index map[string]map[string]map[string]map[string]V, at key, value V,
	present bool) map[string]map[string]map[string]map[string]V {
	kinds := index[at.server]
	namespaces := kinds[at.kind]
	names := put(namespaces[at.namespace], at.name, value, present)
	namespaces = put(namespaces, at.namespace, names, len(names) > 0)
	kinds = put(kinds, at.kind, namespaces, len(namespaces) > 0)
	return put(index, at.server, kinds, len(kinds) > 0)
}

// put is a copy of a map with another value for a key, or none.
func put[V any](m map[string]V, name string, value V, present bool) map[string]V {
	m = maps.Clone(m)
	if m == nil {
		m = map[string]V{}
	}
	if m[name] = value; !present {
		delete(m, name)
	}
	return m
}

// differing are the deepest fields in which an object differs from what it was; a list is not looked into.
func differing(path Path, before, after map[string]any) []Path {
	var changed []Path
	note := func(name string) {
		field := append(slices.Clip(path), name)
		a, inside := before[name].(map[string]any)
		b, still := after[name].(map[string]any)
		switch {
		case inside && still:
			changed = append(changed, differing(field, a, b)...)
		case !reflect.DeepEqual(before[name], after[name]):
			changed = append(changed, field)
		}
	}
	for name := range before {
		note(name)
	}
	for name := range after {
		if _, was := before[name]; !was {
			note(name)
		}
	}
	return changed
}
