package fleet

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// Applied is what shows of the objects of a Kustomization only beside all else that Git brings to their API server.
type Applied struct {
	// Shared are the objects that other Kustomizations apply too: one entry for what they build of the same files,
	// in the one whose path is the shorter, and one for each that comes before this one and applies them from other
	// files; those for Namespaces apart.
	Shared []SharedObjects `json:"shared"`
	// Unplaced are the objects of namespaced kinds that have no namespace.
	Unplaced []UnplacedObject `json:"unplaced"`
	// Homeless are the namespaces that Git has objects for and that nothing in Git makes, at the first object of
	// each. Empty where something unknown may make them.
	Homeless []HomelessNamespace `json:"homeless"`
	// Unserved are objects of kinds whose CRD nothing in Git brings to their API server, the first of each kind.
	// Empty where something that is not known, or a chart, may bring it, and on a cluster to which Git brings no
	// CRD at all.
	Unserved []UnplacedObject `json:"unserved"`
	// Renamed are the Namespaces that are applied under another name than their file has.
	Renamed []RenamedNamespace `json:"renamed"`
}

// SharedObjects are the objects that two Kustomizations apply to one API server.
type SharedObjects struct {
	// With is the ID of the other Kustomization, the first of several; Kustomizations says how many.
	With           string `json:"with"`
	Kustomizations int    `json:"kustomizations"`
	// SameFiles: the paths overlap, so that both build the objects of the same files.
	SameFiles bool `json:"sameFiles"`
	// Namespaces: the entry is about Namespaces, else about objects of other kinds. Count says how many; the rest
	// is of the first.
	Namespaces bool   `json:"namespaces"`
	Count      int    `json:"count"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace"`
	Name       string `json:"name"`
	// Origin is that of the object as this Kustomization applies it, Other as the other one does.
	Origin Origin `json:"origin"`
	Other  Origin `json:"other"`
	// Equal: both apply the same, but for labels and annotations, in all of the objects. Lasting: it is a kind
	// whose deletion takes more with it than the object: a Namespace, a CRD, a volume. Pruned: this Kustomization
	// deletes the object once it does not apply it any more; OtherPruned: so does the other one.
	Equal       bool `json:"equal"`
	Lasting     bool `json:"lasting"`
	Pruned      bool `json:"pruned"`
	OtherPruned bool `json:"otherPruned"`
}

// UnplacedObject is an object that is not taken as it is.
type UnplacedObject struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Origin Origin `json:"origin"`
}

// HomelessNamespace is a namespace that nothing in Git makes.
type HomelessNamespace struct {
	Name string `json:"name"`
	// Kind and Object are those of the first object in it; Origin and Field lead to where that is said.
	Kind   string `json:"kind"`
	Object string `json:"object"`
	Origin Origin `json:"origin"`
	Field  Field  `json:"field"`
	// Near is the name of a namespace that Git makes there and that was perhaps meant; empty where none is like it.
	Near string `json:"near"`
	// Elsewhere is a Namespace of that name that Git brings to another cluster; its file is empty where there is none.
	Elsewhere Origin `json:"elsewhere"`
}

// RenamedNamespace is a Namespace to which kustomize's namespace transformer gives another name.
//
// Source: kubernetes-sigs/kustomize api/v0.21.1 filters/namespace/namespace.go:108.
type RenamedNamespace struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Origin Origin `json:"origin"`
	// Target: spec.targetNamespace does it; else a kustomization file, and an object in Git is in the namespace
	// that was meant. Taken: something else makes a Namespace of the new name there, or every cluster has one.
	Target bool `json:"target"`
	Taken  bool `json:"taken"`
	// Pruned: the Kustomization deletes the Namespace once it does not apply it any more.
	Pruned bool `json:"pruned"`
}

const (
	namespaceKind = "Namespace"
	toolkit       = "kustomize.toolkit.fluxcd.io/"
)

// survey makes Applied.
func (f *Fleet) survey() {
	s := surveyor{fleet: f, made: map[string]map[string]Origin{}, namespaced: map[string]map[string]bool{},
		byID:    map[string]*Object{},
		applied: map[string]*Applied{}, shared: map[sharedKey]*SharedObjects{},
		seen: map[[2]string]bool{}, wanted: map[[2]string]bool{}, unknown: map[[2]string]bool{}}
	for _, object := range f.tree.Objects {
		s.makes(object)
	}
	for _, object := range f.tree.Objects {
		if f.isFollowed(object) {
			s.look(object)
		}
	}
	f.Applied = map[string]Applied{}
	for _, key := range slices.SortedFunc(maps.Keys(s.shared), sharedKey.compare) {
		s.of(key.kustomization).Shared = append(s.of(key.kustomization).Shared, *s.shared[key])
	}
	for id, applied := range s.applied {
		f.Applied[id] = Applied{orEmpty(applied.Shared), orEmpty(applied.Unplaced), orEmpty(applied.Homeless),
			orEmpty(applied.Unserved), orEmpty(applied.Renamed)}
	}
}

// isFollowed is true for an object that Flux applies, as far as is known: in a cluster without an entry point
// nobody knows.
func (f *Fleet) isFollowed(object *Object) bool {
	return !object.Suspended && f.Clusters[object.Cluster].Declared && !isSetTo(object, toolkit+"ssa", "ignore")
}

// surveyor looks at the objects of a tree beside one another.
type surveyor struct {
	fleet *Fleet
	// made are the namespaces that Git makes, by API server and name, with what makes each.
	made map[string]map[string]Origin
	// unknown: the name of something of a kind that Git brings to an API server is not known.
	unknown map[[2]string]bool
	// namespaced are the kinds of CRDs, by API server: whether objects of them have a namespace.
	namespaced map[string]map[string]bool
	// wanted are the namespaces that objects are in, by API server and name.
	wanted map[[2]string]bool
	// byID are the objects that were looked at.
	byID    map[string]*Object
	applied map[string]*Applied
	shared  map[sharedKey]*SharedObjects
	seen    map[[2]string]bool // Kustomization and namespace, or API server and kind
}

type sharedKey struct {
	kustomization, with string
	namespaces          bool
}

func (k sharedKey) compare(other sharedKey) int {
	return cmp.Or(cmp.Compare(k.kustomization, other.kustomization), cmp.Compare(k.with, other.with),
		compareBools(k.namespaces, other.namespaces))
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

func (s *surveyor) of(kustomization string) *Applied {
	applied := s.applied[kustomization]
	if applied == nil {
		applied = &Applied{}
		s.applied[kustomization] = applied
	}
	return applied
}

// makes notes what an object says of namespaces and kinds.
func (s *surveyor) makes(object *Object) {
	spec, _ := object.Content["spec"].(map[string]any)
	s.wanted[[2]string{object.APIServer, object.Namespace}] = true
	switch kindOf(*object) {
	case namespaceKind:
		s.doubt(object, namespaceKind, object.Name)
		within(s.made, object.APIServer)[object.Name] = object.Origin
	case helmReleaseKind:
		target := cmp.Or(textAt(spec, "targetNamespace"), object.Namespace)
		creates := at(spec, "install", "createNamespace")
		_, mayCreate := at(spec, "install").(string) // a variable that stands there
		if _, unknown := creates.(string); (creates == true || mayCreate || unknown) && spec["kubeConfig"] == nil {
			within(s.made, object.APIServer)[target] = object.Origin
			s.doubt(object, namespaceKind, target)
		}
	case crdKind:
		names, _ := spec["names"].(map[string]any)
		s.doubt(object, crdKind, textAt(spec, "group")+cmp.Or(textAt(names, "kind"), "${}"))
		of := GroupKind(textAt(spec, "group"), textAt(names, "kind"))
		within(s.namespaced, object.APIServer)[of] = textAt(spec, "scope") == "Namespaced"
	}
}

// doubt notes that the name of something of a kind has a variable in it, if it has.
func (s *surveyor) doubt(object *Object, kind, name string) {
	if hasVariable(name) {
		s.unknown[[2]string{object.APIServer, kind}] = true
	}
}

func (s *surveyor) look(object *Object) {
	if other := s.byID[object.ID]; hasVariable(object.ID) { // which is not known
	} else if other == nil {
		s.byID[object.ID] = object
	} else if other.Kustomization != object.Kustomization && !yields(other) && !yields(object) {
		s.share(other, object)
	}
	kind := kindOf(*object)
	switch {
	case kind == namespaceKind:
		s.rename(object)
	case object.Namespace == "" && (namespacedKinds[kind] || s.namespaced[object.APIServer][kind]):
		applied := s.of(object.Kustomization)
		applied.Unplaced = append(applied.Unplaced, UnplacedObject{kind, object.Name, object.Origin})
	}
	if s.isUnserved(object, kind) && !s.seen[[2]string{object.APIServer, kind}] {
		s.seen[[2]string{object.APIServer, kind}] = true
		applied := s.of(object.Kustomization)
		applied.Unserved = append(applied.Unserved, UnplacedObject{kind, object.Name, object.Origin})
	}
	s.house(object, object.Namespace, Field{"metadata", "namespace"})
	if spec, _ := object.Content["spec"].(map[string]any); kind == helmReleaseKind && spec["kubeConfig"] == nil {
		if target := textAt(spec, "targetNamespace"); target != object.Namespace {
			s.house(object, target, Field{"spec", "targetNamespace"})
		}
	}
}

// isUnserved is true for an object of a custom kind of which Git would show the CRD. Groups of Kubernetes, and what
// Karmada and Flux bring along, are no custom ones.
func (s *surveyor) isUnserved(object *Object, kind string) bool {
	if _, known := s.namespaced[object.APIServer][kind]; known || !strings.Contains(object.Group, ".") ||
		hasVariable(object.Group) ||
		strings.HasSuffix(object.Group, ".k8s.io") || strings.HasSuffix(object.Group, ".x-k8s.io") ||
		isKarmada(object.Group) || isFlux(object.Group) || object.Group == "fluxcd.controlplane.io" {
		return false
	}
	server := s.fleet.APIServers[object.APIServer]
	return server.Complete && !s.unknown[[2]string{object.APIServer, crdKind}] &&
		(server.Kind == "karmada" || len(s.namespaced[object.APIServer]) > 0)
}

// yields is true for an object that Flux applies only where nobody else has, or leaves other owners their fields of.
//
// Source: fluxcd/kustomize-controller v1.9.4 internal/controller/kustomization_controller.go:860.
func yields(object *Object) bool {
	return isSetTo(object, toolkit+"ssa", "ifnotpresent") || isSetTo(object, toolkit+"ssa", "merge")
}

// share notes that two Kustomizations apply an object.
func (s *surveyor) share(a, b *Object) {
	if s.fleet.Kustomizations[a.Kustomization].Implicit || s.fleet.Kustomizations[b.Kustomization].Implicit {
		return // that they are there is a guess
	}
	if b.Kustomization < a.Kustomization {
		a, b = b, a
	}
	key := sharedKey{b.Kustomization, a.Kustomization, b.Kind == namespaceKind && b.Group == ""}
	same := reflect.DeepEqual(a.Origin, b.Origin)
	if same {
		if len(s.fleet.Kustomizations[a.Kustomization].Path) < len(s.fleet.Kustomizations[b.Kustomization].Path) {
			a, b = b, a
		}
		key.kustomization, key.with = b.Kustomization, ""
	}
	shared := s.shared[key]
	if shared == nil {
		shared = &SharedObjects{With: a.Kustomization, SameFiles: same, Namespaces: key.namespaces, Equal: true}
		s.shared[key] = shared
	}
	if with := [2]string{b.Kustomization, a.Kustomization + fmt.Sprint(key.namespaces, same)}; !s.seen[with] {
		s.seen[with] = true
		shared.Kustomizations++
	}
	shared.Count++
	lasting := lastingKinds[kindOf(*b)]
	equal := !shared.Equal || isEqual(a.Content, b.Content)
	if shared.Kind == "" || !equal || lasting && !shared.Lasting && shared.Equal {
		shared.Kind, shared.Namespace, shared.Name, shared.Origin = b.Kind, b.Namespace, b.Name, b.Origin
		shared.With, shared.Other, shared.Lasting = a.Kustomization, a.Origin, lasting
		shared.Pruned, shared.OtherPruned = s.prunes(b), s.prunes(a)
		shared.Equal = shared.Equal && equal
	}
}

// lastingKinds are those whose deletion takes more with it than the object.
var lastingKinds = map[string]bool{
	namespaceKind: true, crdKind: true, "PersistentVolumeClaim": true, "PersistentVolume": true,
}

// isEqual tells whether two objects are the same but for their metadata.
func isEqual(a, b map[string]any) bool {
	a, b = maps.Clone(a), maps.Clone(b)
	delete(a, "metadata")
	delete(b, "metadata")
	return reflect.DeepEqual(a, b)
}

// prunes tells whether the Kustomization of an object deletes it once it does not apply it any more.
//
// Source: fluxcd/pkg ssa v0.76.2 manager_delete.go:77.
func (s *surveyor) prunes(object *Object) bool {
	spec := s.specOf(object.Kustomization)
	return spec["prune"] == true && spec["deletionPolicy"] != "Orphan" && !isSetTo(object, toolkit+"prune", "disabled")
}

// specOf is the spec of a Kustomization; nil where no object in Git is it.
func (s *surveyor) specOf(kustomization string) map[string]any {
	k := s.fleet.Kustomizations[kustomization]
	object, _ := s.fleet.object(key{k.Cluster, kustomizationKind, k.Namespace, k.Name})
	spec, _ := object.Content["spec"].(map[string]any)
	return spec
}

// rename notes a Namespace that is applied under another name than its file has.
func (s *surveyor) rename(object *Object) {
	from := ""
	for _, d := range s.fleet.Files[object.Origin.File].Documents {
		if d.Index == object.Origin.Document && d.Kind == namespaceKind && len(object.Origin.Field) == 0 {
			from = d.Name
		}
	}
	target := textAt(s.specOf(object.Kustomization), "targetNamespace") == object.Name
	if from == "" || from == object.Name || !target && !s.wanted[[2]string{object.APIServer, from}] ||
		strings.Contains(from+object.Name, "$") {
		return
	}
	taken := isEverywhere(object.Name)
	if other := s.made[object.APIServer][object.Name]; !reflect.DeepEqual(other, object.Origin) {
		taken = true
	}
	applied := s.of(object.Kustomization)
	applied.Renamed = append(applied.Renamed, RenamedNamespace{From: from, To: object.Name, Origin: object.Origin,
		Target: target, Taken: taken, Pruned: s.prunes(object)})
}

// house notes a namespace that nothing makes; said leads to where the object says it.
func (s *surveyor) house(object *Object, namespace string, said Field) {
	server := object.APIServer
	id := [2]string{object.Kustomization, namespace}
	if !isLabel.MatchString(namespace) || s.seen[id] || isEverywhere(namespace) || !s.knowsNamespaces(object) {
		return
	}
	if _, made := s.made[server][namespace]; made {
		return
	}
	s.seen[id] = true
	homeless := HomelessNamespace{Name: namespace, Kind: object.Kind, Object: object.Name,
		Origin: object.Origin, Field: said}
	for _, other := range sorted(s.made) {
		origin, made := s.made[other][namespace]
		if !made {
			continue
		}
		if s.fleet.APIServers[other].Kind == "karmada" { // which makes it on every member
			return
		}
		if homeless.Elsewhere.File == "" {
			homeless.Elsewhere = origin
		}
	}
	for _, near := range sorted(s.made[server]) {
		if homeless.Near == "" && isSlip(namespace, near) {
			homeless.Near = near
		}
	}
	if spec := s.specOf(object.Kustomization); textAt(spec, "targetNamespace") == namespace && said[0] == "metadata" {
		homeless.Origin = s.fleet.Kustomizations[object.Kustomization].Origin
		homeless.Field = Field{"spec", "targetNamespace"}
	}
	applied := s.of(object.Kustomization)
	applied.Homeless = append(applied.Homeless, homeless)
}

// isLabel matches what may be the name of a namespace, which a variable or a ciphertext is not.
var isLabel = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)

// knowsNamespaces tells whether Git would show what makes a namespace where an object is applied: all that its Flux
// applies there is known, and Namespaces are among it.
func (s *surveyor) knowsNamespaces(object *Object) bool {
	own := object.APIServer == object.Cluster
	return len(s.fleet.Clusters[object.Cluster].Incomplete) == 0 && len(s.made[object.APIServer]) > 0 &&
		!s.unknown[[2]string{object.APIServer, namespaceKind}] &&
		(own || s.fleet.APIServers[object.APIServer].Kind == "karmada")
}

// isEverywhere is true for the namespaces that a cluster, Flux and Karmada have by themselves.
func isEverywhere(namespace string) bool {
	return namespace == defaultNamespace || namespace == "flux-system" ||
		strings.HasPrefix(namespace, "kube-") || strings.HasPrefix(namespace, "karmada-") ||
		strings.HasPrefix(namespace, "openshift")
}

// isSlip is true for two names of which one is the other with one character more, less, or two of them in the other
// order; digits, and what comes after the last dash, tell apart what is alike.
func isSlip(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(a) < 6 || len(b)-len(a) > 1 || strings.ContainsAny(a+b, "0123456789") {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(b) > len(a) {
		return a[i:] == b[i+1:] && i < len(b)-1 // a plural is another name
	}
	return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}

// isSetTo tells whether a label or an annotation of an object is set, in any case.
//
// Source: fluxcd/pkg ssa v0.76.2 utils/meta.go:59.
func isSetTo(object *Object, key, value string) bool {
	meta, _ := object.Content["metadata"].(map[string]any)
	for _, field := range []string{"labels", "annotations"} {
		if m, _ := meta[field].(map[string]any); m != nil && strings.EqualFold(textAt(m, key), value) {
			return true
		}
	}
	return false
}

// namespacedKinds are the kinds of Kubernetes, Flux and Karmada whose objects have a namespace.
var namespacedKinds = func() map[string]bool {
	kinds := map[string]bool{}
	for group, names := range map[string]string{
		"": "ConfigMap Secret Service ServiceAccount Pod PersistentVolumeClaim Endpoints " +
			"LimitRange ResourceQuota ReplicationController PodTemplate",
		"apps":                           "Deployment StatefulSet DaemonSet ReplicaSet ControllerRevision",
		"batch":                          "Job CronJob",
		"networking.k8s.io":              "Ingress NetworkPolicy",
		"rbac.authorization.k8s.io":      "Role RoleBinding",
		"autoscaling":                    "HorizontalPodAutoscaler",
		"policy":                         "PodDisruptionBudget",
		"discovery.k8s.io":               "EndpointSlice",
		"coordination.k8s.io":            "Lease",
		"kustomize.toolkit.fluxcd.io":    "Kustomization",
		"helm.toolkit.fluxcd.io":         "HelmRelease",
		"source.toolkit.fluxcd.io":       "GitRepository OCIRepository HelmRepository HelmChart Bucket ExternalArtifact",
		"notification.toolkit.fluxcd.io": "Alert Provider Receiver",
		"image.toolkit.fluxcd.io":        "ImageRepository ImagePolicy ImageUpdateAutomation",
		"policy.karmada.io":              "PropagationPolicy OverridePolicy FederatedResourceQuota",
		"autoscaling.karmada.io":         "FederatedHPA CronFederatedHPA",
		"networking.karmada.io":          "MultiClusterService MultiClusterIngress",
		"work.karmada.io":                "Work ResourceBinding",
	} {
		for _, name := range strings.Fields(names) {
			kinds[GroupKind(group, name)] = true
		}
	}
	return kinds
}()
