# METADATA
# title: A workload that moved along clusterAffinities finds its way back
# description: |
#   The scheduler goes through clusterAffinities forward only, from the entry that it used last. A workload that has
#   moved to a later entry stays there when the clusters of an earlier one are back, and from the last entry nothing
#   goes to the first. Up to Karmada 1.18 rebalancing changes nothing about it; from 1.19 on a WorkloadRebalancer starts
#   at the first entry again. The tiers of overflowAffinities (1.18) do lead back. Seen on Karmada v1.18.2: with the
#   second of two entries lost too, the workload stays pending though the first is back.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/scheduling/propagation-policy
#     description: Propagation policy
#   - ref: https://github.com/karmada-io/karmada/issues/4990
#     description: No way back to the first group
#   - ref: https://github.com/karmada-io/karmada/issues/7717
#     description: A WorkloadRebalancer and clusterAffinities
# custom:
#   severity: info
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#   fix: 'Know it: bring the workload back by an edit of the policy, or by a WorkloadRebalancer from Karmada 1.19 on.'
#   source:
#     - karmada-io/karmada v1.18.2 pkg/scheduler/scheduler.go:618
#     - karmada-io/karmada v1.18.2 pkg/scheduler/helper.go:99
package rules["affinities-lead-back"]

import data.lib.objects
import data.lib.placement

violation contains {
	"field": ["spec", "placement", "clusterAffinities"],
	"message": sprintf("what has moved on from %q stays away when its clusters are back; the order of clusterAffinities goes forward only", [input.object.spec.placement.clusterAffinities[0].affinityName]),
} if {
	not objects.suspended
	count(input.object.spec.placement.clusterAffinities) > 1
	every affinity in input.object.spec.placement.clusterAffinities {
		not affinity.overflowAffinities
	}
	every term in placement.terms {
		_somewhere(term)
	}
}

_somewhere(term) if count(term.names) > 0

_somewhere(term) if placement.selects_by_property(term.affinity)
