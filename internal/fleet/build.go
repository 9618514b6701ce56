package fleet

import (
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
		Members:        map[string]Member{},
		Agents:         map[string]Agent{},
		ControlPlanes:  map[string]ControlPlane{},
		Clusters:       map[string]Cluster{},
		APIServers:     map[string]APIServer{},
		Kustomizations: map[string]Kustomization{},
		Files:          map[string]File{},
		Objects:        map[string]map[string]map[string]map[string]Object{},
		Policies:       map[string]Policy{},
		Claims:         map[string]map[string]map[string]map[string][]Claim{},
		Date:           declared.Date,
		tree:           tree,
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
	f.readAgentsAndControlPlanes(strings.TrimPrefix(declared.KarmadaVersion, "v"))
	f.readStrayAgents()
	f.readAPIServers()
	f.finishControlPlanes()
	f.readPolicies()
	f.callTheRoll(declared.Members)
	return f
}

// index files an object under its API server, kind, namespace and name; of several, the one whose Kustomization comes
// first.
func (f *Fleet) index(object Object) {
	kinds := within(f.Objects, object.APIServer)
	names := within(within(kinds, kindOf(object)), object.Namespace)
	if other, ok := names[object.Name]; !ok || object.Kustomization < other.Kustomization {
		names[object.Name] = object
	}
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

// kept are all objects of the index, in a fixed order, one for each API server, kind, namespace and name.
func (f *Fleet) kept(yield func(Object) bool) {
	for _, server := range sorted(f.Objects) {
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
				if !yield(namespaces[namespace][name]) {
					return
				}
			}
		}
	}
}

// finderAt looks objects up at one API server.
func (f *Fleet) finderAt(server string) finder {
	return func(kind, namespace, name string) (Object, bool) {
		object, ok := f.Objects[server][kind][namespace][name]
		return object, ok
	}
}

// reconciled are the IDs of the objects of some kinds that at least one Kustomization applies that is not suspended.
func (f *Fleet) reconciled(kinds ...string) map[string]bool {
	ids := map[string]bool{}
	for _, object := range f.tree.Objects {
		if !object.Suspended && slices.Contains(kinds, kindOf(object)) {
			ids[object.ID] = true
		}
	}
	return ids
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
	k.Undefined = orEmpty(k.Undefined)
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
	documents := make([]Document, len(f.Documents))
	for i, document := range f.Documents {
		document.Values = orEmpty(document.Values)
		if document.Encryption != nil && document.Encryption.Faults == nil {
			encryption := *document.Encryption
			encryption.Faults = []EncryptionFault{}
			document.Encryption = &encryption
		}
		documents[i] = document
	}
	f.Documents = documents
	return f
}
