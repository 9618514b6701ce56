package fleet

import (
	"reflect"
	"slices"
)

// Differences are the facts in which two fleets differ; an object is one fact. What the two
// share costs next to nothing.
func (f *Fleet) Differences(other *Fleet) []Path {
	var changed []Path
	for name, differs := range map[string]bool{
		"schema":         f.Schema != other.Schema,
		"failoverOrder":  !slices.Equal(f.FailoverOrder, other.FailoverOrder),
		"date":           f.Date != other.Date,
		"karmadaVersion": f.KarmadaVersion != other.KarmadaVersion,
		"live":           !reflect.DeepEqual(f.Live, other.Live),
	} {
		if differs {
			changed = append(changed, Path{name})
		}
	}
	changed = append(changed, different("clusters", f.Clusters, other.Clusters)...)
	changed = append(changed, different("kustomizations", f.Kustomizations, other.Kustomizations)...)
	changed = append(changed, different("applied", f.Applied, other.Applied)...)
	changed = append(changed, different("files", f.Files, other.Files)...)
	changed = append(changed, differentAt("objects", f.Objects, other.Objects, (*Object).equal)...)
	changed = append(changed, differentAt("products", f.Products, other.Products, (*Product).equal)...)
	changed = append(changed, differentMakers(f.Makers, other.Makers)...)
	return append(changed, f.joinedDifferences(other)...)
}

// joinedDifferences are those in what is joined of objects.
func (f *Fleet) joinedDifferences(other *Fleet) []Path {
	var changed []Path
	if !reflect.DeepEqual(f.Membership, other.Membership) {
		changed = append(changed, Path{"membership"})
	}
	changed = append(changed, different("members", f.Members, other.Members)...)
	changed = append(changed, different("agents", f.Agents, other.Agents)...)
	changed = append(changed, different("controlPlanes", f.ControlPlanes, other.ControlPlanes)...)
	changed = append(changed, different("apiServers", f.APIServers, other.APIServers)...)
	changed = append(changed, different("policies", f.Policies, other.Policies)...)
	return append(changed, differentAt("claims", f.Claims, other.Claims, slices.Equal[[]Claim])...)
}

func different[V any](name string, a, b map[string]V) []Path {
	var changed []Path
	var pair [2]V // one for all: each would be copied for DeepEqual
	compare(a, b, func(id string, v, w V, inBoth bool) {
		if pair = [2]V{v, w}; !inBoth || !reflect.DeepEqual(&pair[0], &pair[1]) {
			changed = append(changed, Path{name, id})
		}
	})
	return changed
}

// differentAt is different for what is looked up by API server, kind, namespace and name.
func differentAt[V any](name string, a, b map[string]map[string]map[string]map[string]V, equal func(V, V) bool) []Path {
	var changed []Path
	compare(a, b, func(server string, a, b map[string]map[string]map[string]V, _ bool) {
		compare(a, b, func(kind string, a, b map[string]map[string]V, _ bool) {
			compare(a, b, func(namespace string, a, b map[string]V, _ bool) {
				compare(a, b, func(object string, v, w V, inBoth bool) {
					if !inBoth || !equal(v, w) {
						changed = append(changed, Path{name, server, kind, namespace, object})
					}
				})
			})
		})
	})
	return changed
}

// compare does something with the values that two maps have for each key, unless they are one map.
func compare[V any](a, b map[string]V, do func(key string, v, w V, inBoth bool)) {
	if reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer() {
		return
	}
	for key, v := range a {
		w, ok := b[key]
		do(key, v, w, ok)
	}
	for key, w := range b {
		if _, ok := a[key]; !ok {
			var none V
			do(key, none, w, false)
		}
	}
}

// equal is true for two objects of one place with the same facts.
func (o *Object) equal(other *Object) bool {
	return o == other || o.ID == other.ID && o.Cluster == other.Cluster && o.APIServer == other.APIServer &&
		o.Kustomization == other.Kustomization && o.ResourceSet == other.ResourceSet &&
		o.Suspended == other.Suspended && o.Group == other.Group && o.Kind == other.Kind &&
		o.Namespace == other.Namespace && o.Name == other.Name &&
		o.elsewhere == other.elsewhere && reflect.DeepEqual(&o.Origin, &other.Origin) &&
		reflect.DeepEqual(o.Content, other.Content)
}
