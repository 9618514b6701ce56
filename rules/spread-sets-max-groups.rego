# METADATA
# title: A spread over clusters sets maxGroups
# description: |
#   The scheduler selects at most maxGroups clusters. A maxGroups that is left out counts as 0, so that no cluster is
#   selected and nothing is ever scheduled; Karmada fills in a default only for minGroups. Seen on
#   Karmada v1.18.2: the binding says "no clusters available to schedule".
# related_resources:
#   - ref: https://karmada.io/docs/userguide/scheduling/propagation-policy
#     description: Propagation policy, spread constraints
#   - ref: https://github.com/karmada-io/karmada/pull/4617
#     description: A default for maxGroups, proposed and not merged
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#   fix: Set maxGroups to the number of clusters that may run the objects.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/scheduler/core/spreadconstraint/select_clusters_by_cluster.go:32
#     - karmada-io/karmada v1.18.2 pkg/util/helper/policy.go:39
package rules["spread-sets-max-groups"]

import data.lib.objects
import data.lib.placement

violation contains {
	"field": array.concat(placement.spread_field, [i]),
	"message": "the spread over clusters has no maxGroups, so no cluster is selected and nothing is scheduled",
} if {
	not objects.suspended
	not placement.ignores_spread
	not _by_region
	some i, constraint in input.object.spec.placement.spreadConstraints
	placement.spreads_by(constraint) == "cluster"
	object.get(constraint, "maxGroups", 0) == 0
}

_by_region if {
	some constraint in input.object.spec.placement.spreadConstraints
	placement.spreads_by(constraint) == "region"
}
