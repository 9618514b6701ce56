# METADATA
# title: Spread constraints are not set where static weights ignore them
# description: |
#   With static weights the scheduler ignores spreadConstraints and uses every cluster of the affinity that has
#   a weight: "maxGroups: 1" does not keep a workload on one cluster. The same is true of a division by weight
#   that names no weights. For an order of failover, use steep weights without constraints, or
#   clusterAffinities with one cluster each.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/scheduling/propagation-policy
#     description: Propagation policy, spread constraints
#   - ref: https://github.com/karmada-io/karmada/issues/3184
#     description: A static weight list with two clusters, and both have pods
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#   fix: Remove spreadConstraints, or do not divide the replicas by static weight.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/scheduler/core/spreadconstraint/select_clusters.go:57
package rules["spread-not-ignored"]

import data.lib.objects
import data.lib.placement

violation contains {
	"field": ["spec", "placement", "spreadConstraints"],
	"message": sprintf("spreadConstraints have no effect with %s", [_division]),
} if {
	not objects.suspended
	count(input.object.spec.placement.spreadConstraints) > 0
}

_division := "static weights" if {
	placement.static_weights
} else := "a division by weight that names no weights" if {
	placement.divides_by_weight
	object.get(input.object.spec.placement.replicaScheduling, "weightPreference", null) == null
}
