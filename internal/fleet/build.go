package fleet

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

const (
	kustomizationKind = "Kustomization.kustomize.toolkit.fluxcd.io"
	karmadaKind       = "Karmada.operator.karmada.io"
	// memberKind is Karmada's Cluster; other groups have a Cluster too (CloudNativePG, Cluster API, kind).
	memberKind   = "Cluster.cluster.karmada.io"
	policyGroup  = "policy.karmada.io"
	clusterGroup = "cluster.karmada.io"
	taintKind    = "ClusterTaintPolicy.policy.karmada.io"
)

// Build makes the fleet of what the loader read and what the configuration declares. The tree is not changed and must
// not be changed later: the fleet shares its contents.
func Build(tree *Tree, declared Declared) *Fleet {
	f := &Fleet{
		Schema:         SchemaVersion,
		FailoverOrder:  orEmpty(slices.Clone(declared.FailoverOrder)),
		Clusters:       make(map[string]Cluster, len(tree.Clusters)),
		Kustomizations: make(map[string]Kustomization, len(tree.Kustomizations)),
		Files:          make(map[string]File, len(tree.Files)),
		Objects:        map[string]map[string]map[string]map[string]*Object{},
		Date:           declared.Date,
		KarmadaVersion: strings.TrimPrefix(declared.KarmadaVersion, "v"),
		tree:           tree,
		follower:       declared.Follower,
		declared:       declared.Members,
		exceptions:     declared.Exceptions,
	}
	for _, cluster := range tree.Clusters {
		f.Clusters[cluster.Name] = cluster.complete()
	}
	for _, kustomization := range tree.Kustomizations {
		f.Kustomizations[kustomization.ID] = kustomization.complete()
	}
	for _, file := range tree.Files {
		f.Files[file.Path] = file.complete()
	}
	for _, object := range tree.Objects {
		f.index(object)
	}
	f.readProducts()
	f.join()
	if declared.Live != nil { // which API server that is, the join has told
		f.indexLive(*declared.Live)
		f.join()
	}
	f.survey()
	return f
}

// join makes what follows from the objects: API servers, control planes, agents, members, and what policies select.
func (f *Fleet) join() {
	f.joinServers()
	f.callTheRoll(f.declared)
	f.readPolicies()
}

// joinServers makes API servers, control planes and agents.
func (f *Fleet) joinServers() {
	f.Members = map[string]Member{}
	f.Agents = map[string]Agent{}
	f.ControlPlanes = map[string]ControlPlane{}
	f.APIServers = map[string]APIServer{}
	f.lookedUp = map[key]bool{}
	f.readAgentsAndControlPlanes()
	f.readStrayAgents()
	f.readAPIServers()
	f.addLiveServer()
	f.finishControlPlanes()
}

// key is the place of an object in Fleet.Objects.
type key struct{ server, kind, namespace, name string }

func (k key) compare(other key) int {
	return cmp.Or(cmp.Compare(k.server, other.server), cmp.Compare(k.kind, other.kind),
		cmp.Compare(k.namespace, other.namespace), cmp.Compare(k.name, other.name))
}

func keyOf(object Object) key {
	return key{object.APIServer, kindOf(object), object.Namespace, object.Name}
}

// index files an object under its API server, kind, namespace and name; of several, the one whose Kustomization comes
// first.
func (f *Fleet) index(object *Object) {
	kinds := within(f.Objects, object.APIServer)
	names := within(within(kinds, kindOf(*object)), object.Namespace)
	if other := names[object.Name]; other != nil {
		first, second := object, other
		if other.Kustomization <= object.Kustomization {
			first, second = other, object
		}
		object = first
		if !first.reconciled() && second.reconciled() {
			of := *first
			of.elsewhere = true
			object = &of
		}
	}
	names[object.Name] = object
}

// within is a map inside a map, made where it is not there yet.
func within[K comparable, V any, M map[K]V](outer map[string]M, key string) M {
	inner, ok := outer[key]
	if !ok {
		inner = M{}
		outer[key] = inner
	}
	return inner
}

func kindOf(object Object) string { return GroupKind(object.Group, object.Kind) }

// at are the objects at one API server, in a fixed order.
func (f *Fleet) at(server string) func(yield func(Object) bool) {
	return func(yield func(Object) bool) {
		for _, kind := range sorted(f.Objects[server]) {
			for object := range f.ofKind(server, kind) {
				if !yield(object) {
					return
				}
			}
		}
	}
}

// ofKind are the objects of one kind at one API server, in a fixed order.
func (f *Fleet) ofKind(server, kind string) func(yield func(Object) bool) {
	return func(yield func(Object) bool) {
		namespaces := f.Objects[server][kind]
		for _, namespace := range sorted(namespaces) {
			for _, name := range sorted(namespaces[namespace]) {
				if !yield(*namespaces[namespace][name]) {
					return
				}
			}
		}
	}
}

// finderAt looks objects up at one API server, and notes that what was found hangs on them.
func (f *Fleet) finderAt(server string) finder {
	return func(kind, namespace, name string) (Object, bool) {
		f.lookedUp[key{server, kind, namespace, name}] = true
		return f.object(key{server, kind, namespace, name})
	}
}

func (f *Fleet) object(at key) (Object, bool) {
	if object := f.Objects[at.server][at.kind][at.namespace][at.name]; object != nil {
		return *object, true
	}
	return Object{}, false
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func (c Cluster) complete() Cluster {
	if c.Variables == nil {
		c.Variables = map[string]string{}
	}
	c.Incomplete = orEmpty(c.Incomplete)
	return c
}

func (k Kustomization) complete() Kustomization {
	k.Chain = orEmpty(k.Chain)
	k.DependsOn = orEmpty(k.DependsOn)
	k.Problems = orEmpty(k.Problems)
	k.Incomplete = orEmpty(k.Incomplete)
	k.Encrypted = orEmpty(k.Encrypted)
	k.Undefined, k.Literal = orEmpty(k.Undefined), orEmpty(k.Literal)
	k.Effects = orEmpty(k.Effects)
	k.DecryptionFaults, k.KeyFaults, k.Joined = orEmpty(k.DecryptionFaults), orEmpty(k.KeyFaults), orEmpty(k.Joined)
	if slices.ContainsFunc(k.Problems, func(p BuildProblem) bool { return p.At == nil }) {
		k.Problems = slices.Clone(k.Problems)
		for i := range k.Problems {
			k.Problems[i].At = orEmpty(k.Problems[i].At)
		}
	}
	return k
}

func (f File) complete() File {
	f.ReachedBy = orEmpty(f.ReachedBy)
	f.Problems = orEmpty(f.Problems)
	f.Exceptions = orEmpty(f.Exceptions)
	f.KeyDrift, f.PinDrift, f.RegionGaps = orEmpty(f.KeyDrift), orEmpty(f.PinDrift), orEmpty(f.RegionGaps)
	if f.Documents == nil || slices.ContainsFunc(f.Documents, Document.hasNull) {
		documents := make([]Document, len(f.Documents))
		for i, document := range f.Documents {
			documents[i] = document.Complete()
		}
		f.Documents = documents
	}
	return f
}

// Complete is the document with empty lists in the place of nil.
func (d Document) Complete() Document {
	d.Values = orEmpty(d.Values)
	if d.hasNull() {
		encryption := *d.Encryption
		encryption.Recipients, encryption.Faults = orEmpty(encryption.Recipients), orEmpty(encryption.Faults)
		d.Encryption = &encryption
	}
	return d
}

func (d Document) hasNull() bool {
	return d.Values == nil || d.Encryption != nil && (d.Encryption.Recipients == nil || d.Encryption.Faults == nil)
}
