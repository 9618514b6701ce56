# METADATA
# title: The cluster that a workload fails over to does not depend on free capacity
# description: |
#   A spread over one cluster of a list keeps a workload together but gives no order: of the clusters without a replica
#   the scheduler takes the one with the most free capacity, and of equals the first by name. The order of clusterNames
#   means nothing, and weights are not read.
#
#   The rule checks policies that are meant for failover: those with spec.failover, and all where the configuration
#   declares the fleet's failover order.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/scheduling/propagation-policy
#     description: Propagation policy
#   - ref: https://karmada.io/docs/userguide/failover/application-failover
#     description: Application-level failover
# custom:
#   severity: warning
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#   fix: Give each cluster its own entry in clusterAffinities, in the order of failover, or use steep static weights.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/scheduler/core/spreadconstraint/util.go:43
#     - karmada-io/karmada v1.18.2 pkg/scheduler/core/spreadconstraint/group_clusters.go:374
#     - karmada-io/karmada v1.18.2 pkg/scheduler/framework/plugins/clusterlocality/cluster_locality.go:50
package rules["failover-order-decided"]

import data.lib.objects
import data.lib.placement
import data.lib.variables

violation contains {
	"field": array.concat(placement.spread_field, [i, "maxGroups"]),
	"message": sprintf("free capacity and not an order decides which of %s runs the workload", [_listed]),
} if {
	not objects.suspended
	not placement.ignores_spread
	count(_term.names) > 1
	_meant
	_by_capacity
	some i, constraint in input.object.spec.placement.spreadConstraints
	placement.spreads_by(constraint) == "cluster"
	constraint.maxGroups == 1
}

_term := placement.terms[0] if {
	count(placement.terms) == 1
	is_object(input.object.spec.placement.clusterAffinity)
	placement.terms[0].plain
}

# What has no replicas goes to the first cluster by name.
_by_capacity if {
	some selection in input.policy.selections
	not selection.kind in {"", "ConfigMap", "Secret", "Service", "ServiceAccount"}
	not variables.stand_in(selection.kind)
}

_listed := concat(", ", [sprintf("%q", [name]) | some name in _term.listed; name in _term.names])

_meant if count(input.object.spec.failover) > 0

_meant if count([name | some name in data.fleet.failoverOrder; name in _term.names]) > 1
