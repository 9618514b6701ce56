# METADATA
# title: Cluster failover has another member to go to
# description: |
#   Where a policy allows one member alone, cluster failover evicts the workload when that member is lost and places it
#   nowhere. The copy there may still run, cut off from the control plane. It is deleted once the grace period, ten
#   minutes by default, is over and the member can be reached again; only then is it placed anew. Replicas that are
#   divided have no place either where minGroups of a spread constraint requires all members that the policy allows. The
#   rule checks policies with spec.failover.cluster where cluster failover is enabled.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/failover/cluster-failover
#     description: Cluster failover
# custom:
#   severity: warning
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#   fix: Add another member to the affinity, or a toleration of the taint without tolerationSeconds.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/controllers/cluster/taint_manager.go:346
#     - karmada-io/karmada v1.18.2 pkg/controllers/gracefuleviction/evictiontask.go:52
package rules["failover-has-target"]

import data.lib.karmada
import data.lib.objects
import data.lib.placement

violation contains {
	"field": ["spec", "failover", "cluster"],
	"message": sprintf("cluster failover evicts the workload when %q is lost, and the policy allows no other member, so its copy there is deleted", [member]),
} if {
	_evicts
	count(placement.candidates) == 1
	some member in placement.candidates
}

violation contains {
	"field": array.concat(placement.spread_field, [i, "minGroups"]),
	"message": sprintf("minGroups requires all %d members that the policy allows, so the replicas of one that is lost are placed nowhere", [least]),
	"fix": "Lower minGroups, or add another member to the affinity.",
} if {
	_evicts
	count(placement.terms) == 1
	not placement.ignores_spread
	object.get(input.object.spec.placement.replicaScheduling, "replicaSchedulingType", "Divided") == "Divided"
	some i, constraint in input.object.spec.placement.spreadConstraints
	placement.spreads_by(constraint) == "cluster"
	least := constraint.minGroups
	least > 1
	least == count(placement.candidates)
}

# Cluster failover is enabled, and evicts from some member that the policy allows.
_evicts if {
	is_object(input.object.spec.failover.cluster)
	not objects.suspended
	every state in karmada.control_plane.failoverArmed {
		state == "found"
	}
	some loss in input.policy.losses
	loss.state == "found"
}
