# METADATA
# title: A workload and what belongs to it are placed on the same clusters
# description: |
#   Karmada schedules each object on its own. Where a policy spreads over fewer clusters than it may use, the workload
#   goes where there is capacity for its replicas, and its Service or ConfigMap to the first clusters by name: they may
#   end up on different clusters. Dependencies that propagateDeps adds do follow the workload.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/scheduling/propagation-policy
#     description: Propagation policy
# custom:
#   severity: warning
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#   fix: Name a single cluster in each entry of clusterAffinities, or place all objects on every cluster of the list.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/scheduler/core/spreadconstraint/util.go:43
#     - karmada-io/karmada v1.18.2 pkg/scheduler/core/util.go:66
package rules["application-stays-together"]

import data.lib.objects
import data.lib.placement
import data.lib.workloads

violation contains {
	"field": objects.selector_field(i),
	"message": sprintf("%s may be placed on another cluster than the workload, since maxGroups allows %d of %d clusters", [_called(i), placement.few, _most]),
} if {
	placement.few > 0
	not objects.suspended
	some selection in input.policy.selections
	workloads.divisible(selection.kind)
	some i, other in input.policy.selections
	_separate(other.kind)
}

# What has no replicas and is used on the cluster where its workload runs.
_separate(kind) if kind in {"Service", "Ingress.networking.k8s.io", "HTTPRoute.gateway.networking.k8s.io"}

# A dependency comes along by itself, too, with propagateDeps.
_separate(kind) if {
	kind in {"ConfigMap", "Secret", "PersistentVolumeClaim", "ServiceAccount"}
	not input.object.spec.propagateDeps
}

_most := max([count(term.names) | some term in placement.terms])

_called(i) := sprintf("%s %q", [selector.kind, selector.name]) if {
	selector := input.object.spec.resourceSelectors[i]
	object.get(selector, "name", "") != ""
} else := sprintf("every selected %s", [input.object.spec.resourceSelectors[i].kind])
