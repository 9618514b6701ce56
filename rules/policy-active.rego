# METADATA
# title: A policy is not suspended
# description: |
#   A policy with suspension.dispatching sends no change to any cluster, and one with dispatchingOnClusters none to
#   those clusters, while the scheduler still chooses them. A suspension is easily forgotten. Seen on Karmada v1.18.2:
#   the binding names the clusters, and nothing arrives there before the suspension ends.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/scheduling/propagation-policy
#     description: Propagation policy
#   - ref: https://github.com/karmada-io/karmada/issues/6730
#     description: A suspended cluster is chosen all the same
# custom:
#   severity: info
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#   fix: Remove spec.suspension when it is no longer needed.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/apis/policy/v1alpha1/propagation_types.go:261
package rules["policy-active"]

import data.lib.objects

violation contains {
	"field": ["spec", "suspension", "dispatching"],
	"message": "the policy is suspended, so no change reaches any cluster",
} if {
	not objects.suspended
	input.object.spec.suspension.dispatching == true
}

violation contains {
	"field": ["spec", "suspension", "dispatchingOnClusters"],
	"message": sprintf("the policy is suspended for %s, which the scheduler can still choose", [concat(", ", [sprintf("%q", [name]) | some name in names])]),
} if {
	not objects.suspended
	names := input.object.spec.suspension.dispatchingOnClusters.clusterNames
	count(names) > 0
}
