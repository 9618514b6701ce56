package fleet

import (
	"cmp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

const defaultNamespace = "default"

// policyKinds are the kinds with resourceSelectors; true where they place what they select,
// false where they override it.
var policyKinds = map[string]bool{
	"PropagationPolicy.policy.karmada.io":        true,
	"ClusterPropagationPolicy.policy.karmada.io": true,
	"OverridePolicy.policy.karmada.io":           false,
	"ClusterOverridePolicy.policy.karmada.io":    false,
}

// Policy is a policy of Karmada, and what it selects of what Git sends to the same API server.
type Policy struct {
	// ID is the API server's ID, Kind/namespace/name; without a namespace for a cluster-wide policy.
	ID string `json:"id"`
	// Selections are in the order of spec.resourceSelectors.
	Selections []Selection `json:"selections"`
	// Workloads are those among what it selects that have replicas; one of no kind stands for what has none, where it
	// selects nothing else. Empty for a policy that places nothing.
	Workloads []Workload `json:"workloads"`
	// Losses are what becomes of its workloads when their clusters are lost, by reason; empty
	// where it has no spec.failover.
	Losses []Loss `json:"losses"`
}

// Selection is what one resourceSelector selects.
type Selection struct {
	// State is found where Git has such an object; missing where nothing can be such an object; unknown where the
	// selector has a variable, or something unknown may bring objects to the API server.
	State State `json:"state"`
	// Kind is "Deployment.apps"; the core group has no suffix.
	Kind string `json:"kind"`
	// By is "name", "labels" or "kind": a name precedes labels, and labels precede the kind alone. Name
	// is the selector's, if any.
	By   string `json:"by"`
	Name string `json:"name"`
	// Objects are sorted by namespace and name.
	Objects []Selected `json:"objects"`
	// Elsewhere are the apiVersions in which Karmada sees objects of that kind and name where nothing is found.
	Elsewhere []string `json:"elsewhere"`
}

// Selected is an object that a policy selects; a key of Fleet.Objects.
type Selected struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Origin    Origin `json:"origin"`
}

// Claim is a policy that places an object, as one of those that select it.
type Claim struct {
	// Policy is the ID of a PropagationPolicy or ClusterPropagationPolicy; Kind, Namespace and Name are its own.
	Policy    string `json:"policy"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Priority is spec.priority; By as of the selection, the most telling one.
	Priority int    `json:"priority"`
	By       string `json:"by"`
}

// What a selector goes by, what precedes first.
//
// Source: karmada v1.18.2 pkg/util/selector.go:55 (ResourceSelectorPriority).
const (
	byName   = "name"
	byLabels = "labels"
	byKind   = "kind"
)

// selector is one of spec.resourceSelectors.
type selector struct {
	kind            string // "Deployment.apps"
	namespace, name string // empty: any
	labels          labels.Selector
	by              string // as Selection.By
	unknown         bool   // a variable stands in it, or it cannot be read
	seen            string // the apiVersion in which Karmada sees the kind, where the selector has another
}

// readPolicies finds what each policy selects.
//
// Source: karmada v1.18.2 pkg/util/selector.go:50 (ResourceMatches); pkg/webhook/propagationpolicy/mutating.go:60 (a
// selector's namespace is the policy's own by default).
func (f *Fleet) readPolicies() {
	f.Policies = map[string]Policy{}
	f.Claims = map[string]map[string]map[string]map[string][]Claim{}
	f.bySelector, f.changed = map[selectorKey][]key{}, nil
	for _, server := range sorted(f.Objects) {
		for _, kind := range sorted(policyKinds) {
			for object := range f.ofKind(server, kind) {
				f.readPolicy(object)
			}
		}
	}
}

func (f *Fleet) readPolicy(object Object) {
	p := f.policy(object)
	f.Policies[p.ID] = p
	// an override without selectors is for all, one with a variable for nobody knows what
	anything := selectorKey{server: object.APIServer}
	if len(p.Selections) == 0 {
		f.bySelector[anything] = append(f.bySelector[anything], keyOf(object))
	}
	for _, entry := range listAt(object.Content, "spec", "resourceSelectors") {
		to := selectorKey{object.APIServer, textAt(entry, "kind"), textAt(entry, "name")}
		if hasVariable(to.kind) || hasVariable(to.name) {
			to = anything
		}
		f.bySelector[to] = append(f.bySelector[to], keyOf(object))
	}
	if !policyKinds[kindOf(object)] {
		return
	}
	for at, claim := range p.claims(object) {
		names := within(within(within(f.Claims, at.server), at.kind), at.namespace)
		names[at.name] = insert(names[at.name], claim)
	}
}

// policy is what an object that is a policy selects.
func (f *Fleet) policy(object Object) Policy {
	p := Policy{ID: PolicyID(object), Selections: []Selection{}, Workloads: []Workload{}, Losses: []Loss{}}
	for _, entry := range listAt(object.Content, "spec", "resourceSelectors") {
		p.Selections = append(p.Selections, f.selection(readSelector(entry, object), object.APIServer))
	}
	if policyKinds[kindOf(object)] && object.Content != nil {
		p.Workloads, p.Losses = f.workloads(object, p.Selections), f.losses(object)
	}
	return p
}

// PolicyID is the ID of a policy: the API server's, the kind, the namespace if any, and the name.
func PolicyID(object Object) string {
	return policyIDOf(ObjectRef{APIServer: object.APIServer, Kind: object.Kind, Namespace: object.Namespace,
		Name: object.Name})
}

func policyIDOf(o ObjectRef) string {
	parts := []string{o.APIServer, o.Kind, o.Namespace, o.Name}
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), "/")
}

// seenVersions are the apiVersions in which Karmada sees objects, those that its API server prefers, whatever they are
// written in: by group where that has one for all kinds, else by kind. A selector of another version selects nothing.
//
// Source: karmada v1.18.2 pkg/detector/detector.go:189, pkg/util/selector.go:56; kubernetes v1.35
// pkg/controlplane/instance.go.
var seenVersions = map[string]string{"": "v1", "apps": "apps/v1", "autoscaling": "autoscaling/v2", "batch": "batch/v1",
	"policy":                    "policy/v1",
	"rbac.authorization.k8s.io": "rbac.authorization.k8s.io/v1", "Ingress.networking.k8s.io": "networking.k8s.io/v1",
	"NetworkPolicy.networking.k8s.io": "networking.k8s.io/v1"}

func readSelector(entry any, policy Object) selector {
	version, kind := textAt(entry, "apiVersion"), textAt(entry, "kind")
	group, _, grouped := strings.Cut(version, "/")
	if !grouped {
		group = ""
	}
	s := selector{
		kind:      GroupKind(group, kind),
		namespace: textAt(entry, "namespace"),
		name:      textAt(entry, "name"),
		labels:    labels.Everything(),
		by:        byKind,
	}
	if s.namespace == "" && !strings.HasPrefix(policy.Kind, "Cluster") {
		s.namespace = cmp.Or(policy.Namespace, defaultNamespace)
	}
	if seen := cmp.Or(seenVersions[s.kind], seenVersions[group]); seen != "" && version != "" && version != seen &&
		!hasVariable(version) {
		s.seen = seen
	}
	for _, text := range []string{version, kind, s.namespace, s.name} {
		s.unknown = s.unknown || hasVariable(text)
	}
	if s.name != "" {
		s.by = byName
	} else if fields := mapAt(entry, "labelSelector"); fields != nil {
		chosen, err := labelSelector(fields)
		s.labels, s.by, s.unknown = chosen, byLabels, s.unknown || err != nil
	}
	return s
}

// labelSelector reads a label selector; an error where Kubernetes would refuse it, or a variable stands in it.
func labelSelector(fields map[string]any) (labels.Selector, error) {
	var read metav1.LabelSelector
	decodeFields(fields, &read)
	chosen, err := metav1.LabelSelectorAsSelector(&read)
	if err != nil {
		return labels.Nothing(), err
	}
	return chosen, nil
}

func (f *Fleet) selection(s selector, server string) Selection {
	result := Selection{State: Unknown, Kind: s.kind, By: s.by, Name: s.name, Objects: []Selected{},
		Elsewhere: []string{}}
	if s.unknown {
		return result
	}
	namespaces := f.Objects[server][s.kind]
	if s.seen != "" {
		result.State = Missing
		for object := range f.ofKind(server, s.kind) {
			if s.name == "" || s.name == object.Name {
				result.Elsewhere = []string{s.seen}
				break
			}
		}
		return result
	}
	guess := false // an object with a variable in its name or labels may be the one
	for _, namespace := range sorted(namespaces) {
		// none is the default one at an API server
		if s.namespace != "" && cmp.Or(namespace, defaultNamespace) != s.namespace {
			continue
		}
		candidates := []string{s.name}
		if s.name == "" || namespaces[namespace][s.name] == nil {
			candidates = sorted(namespaces[namespace])
		}
		for _, name := range candidates {
			object := *namespaces[namespace][name]
			guess = guess || hasVariable(name)
			if s.name != "" && s.name != name || !s.labels.Matches(labelsOf(object)) {
				continue
			}
			result.Objects = append(result.Objects, Selected{
				Kind: s.kind, Namespace: namespace, Name: name, Origin: object.Origin})
		}
	}
	switch {
	case len(result.Objects) > 0:
		result.State = Found
	case !guess && !s.own() && f.APIServers[server].Complete:
		result.State = Missing
		result.Elsewhere = f.elsewhere(s, server)
	}
	return result
}

// ownKinds are the kinds of which Karmada's API server has objects of its own.
var ownKinds = []string{"Namespace", crdKind, "APIService.apiregistration.k8s.io", "PriorityClass.scheduling.k8s.io",
	"ClusterRole.rbac.authorization.k8s.io", "ClusterRoleBinding.rbac.authorization.k8s.io",
	"MutatingWebhookConfiguration.admissionregistration.k8s.io",
	"ValidatingWebhookConfiguration.admissionregistration.k8s.io"}

const crdKind = "CustomResourceDefinition.apiextensions.k8s.io"

// own is true for a selector of what may be there without Git: the CRDs of Karmada and of multi-cluster Services,
// namespaces and roles that every API server has, or anything at all of such a kind.
//
// Source: karmada v1.18.2 charts/karmada/_crds/bases.
func (s selector) own() bool {
	switch {
	case !slices.Contains(ownKinds, s.kind):
		return false
	case s.kind == crdKind && s.name != "":
		return strings.HasSuffix(s.name, ".karmada.io") || strings.HasSuffix(s.name, ".multicluster.x-k8s.io")
	case slices.Contains([]string{"", defaultNamespace, "cluster-admin", "admin", "edit", "view"}, s.name):
		return true
	}
	return slices.ContainsFunc([]string{"kube-", "karmada-", "system:", "system-"}, func(prefix string) bool {
		return strings.HasPrefix(s.name, prefix)
	})
}

// elsewhere are the apiVersions of objects that are like the selected ones but for their group.
func (f *Fleet) elsewhere(s selector, server string) []string {
	kind, _, _ := strings.Cut(s.kind, ".")
	versions := []string{}
	for _, other := range sorted(f.Objects[server]) {
		if name, _, _ := strings.Cut(other, "."); name != kind || other == s.kind {
			continue
		}
		for object := range f.ofKind(server, other) {
			if version := textAt(object.Content, "apiVersion"); s.name == "" || s.name == object.Name {
				versions = append(versions, version)
			}
		}
	}
	slices.Sort(versions)
	return slices.Compact(versions)
}

// labelsOf are an object's labels.
func labelsOf(object Object) labels.Set {
	set := labels.Set{}
	for key, value := range mapAt(object.Content, "metadata", "labels") {
		if text, ok := value.(string); ok {
			set[key] = text
		}
	}
	return set
}

// claims are those of a policy that places what it selects. What it selects twice counts by its most telling selector.
func (p Policy) claims(policy Object) map[key]Claim {
	telling := []string{byName, byLabels, byKind}
	priority, _ := number(at(policy.Content, "spec", "priority"))
	claims := map[key]Claim{}
	for _, selection := range p.Selections {
		for _, selected := range selection.Objects {
			place := key{policy.APIServer, selected.Kind, selected.Namespace, selected.Name}
			if other, ok := claims[place]; ok && slices.Index(telling, other.By) <= slices.Index(
				telling, selection.By) {
				continue
			}
			claims[place] = Claim{Policy: p.ID, Kind: policy.Kind, Namespace: policy.Namespace, Name: policy.Name,
				Priority: priority, By: selection.By}
		}
	}
	return claims
}

// insert adds a claim where it belongs, by kind, namespace and name.
func insert(claims []Claim, claim Claim) []Claim {
	i, _ := slices.BinarySearchFunc(claims, claim, func(a, b Claim) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return slices.Insert(claims, i, claim)
}
