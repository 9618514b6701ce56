package fleet

import (
	"cmp"
	"fmt"
	"slices"
)

// Standing is whether a policy places a workload at all.
type Standing string

// Standings. Places is one where nothing tells otherwise.
const (
	Places  Standing = ""
	Refused Standing = "refused" // Karmada refuses the policy
	Idle    Standing = "idle"    // it is suspended, or another policy claims the workload
)

// Standing tells whether a policy places a workload, and why not.
func (f *Fleet) Standing(policy Object, w Workload) (Standing, string) {
	if why := refused(policy.Content); why != "" {
		return Refused, "Karmada refuses the policy, since " + why
	}
	if suspended, _ := at(policy.Content, "spec", "suspension", "dispatching").(bool); suspended {
		return Idle, "spec.suspension.dispatching holds everything back"
	}
	claims := slices.DeleteFunc(slices.Clone(f.Claims[policy.APIServer][w.Kind][w.Namespace][w.Name]), func(c Claim) bool {
		object, ok := f.object(key{policy.APIServer, GroupKind(policyGroup, c.Kind), c.Namespace, c.Name})
		return ok && refused(object.Content) != ""
	})
	if len(claims) < 2 {
		return Places, ""
	}
	first := slices.MinFunc(claims, precedes)
	if first.Policy == PolicyID(policy) {
		return Places, ""
	}
	return Idle, fmt.Sprintf("the %s %q claims it first", first.Kind, first.Name)
}

// precedes orders the claims of one object: a PropagationPolicy's before a ClusterPropagationPolicy's, then by spec.priority, by how telling
// the selector is, and by name.
//
// Source: karmada v1.18.2 pkg/detector/detector.go:245 (propagateResource), pkg/detector/compare.go:40 (getHighestPriorityPropagationPolicy).
func precedes(a, b Claim) int {
	telling := []string{byName, byLabels, byKind}
	return cmp.Or(-cmp.Compare(a.Kind, b.Kind), -cmp.Compare(a.Priority, b.Priority),
		cmp.Compare(slices.Index(telling, a.By), slices.Index(telling, b.By)), cmp.Compare(a.Name, b.Name))
}

// refused is why Karmada refuses a policy, as far as failover hangs on it; empty where it does not, or nothing tells.
//
// Source: karmada v1.18.2 pkg/apis/policy/v1alpha1/propagation_types.go:776, pkg/util/validation/validation.go:46 and 105.
func refused(content map[string]any) string {
	placement := mapAt(content, "spec", "placement")
	deps, set := at(content, "spec", "propagateDeps").(bool)
	switch {
	case placement["clusterAffinity"] != nil && placement["clusterAffinities"] != nil:
		return "it has both clusterAffinity and clusterAffinities"
	case mapAt(content, "spec", "failover", "application") != nil && !deps && (set || at(content, "spec", "propagateDeps") == nil) && !propagatesImports(content):
		return "application failover takes spec.propagateDeps"
	}
	for _, entry := range listAt(placement, "replicaScheduling", "weightPreference", "staticWeightList") {
		if n, ok := number(at(entry, "weight")); ok && n < 1 {
			return fmt.Sprintf("a weight is %d, and the least is 1", n)
		}
	}
	return ""
}

// propagatesImports: a policy for a ServiceImport propagates dependencies by default.
func propagatesImports(content map[string]any) bool {
	return slices.ContainsFunc(listAt(content, "spec", "resourceSelectors"), func(entry any) bool { return textAt(entry, "kind") == "ServiceImport" })
}
