# METADATA
# title: A workload returns to the first entry of clusterAffinities
# description: |
#   The scheduler tries the entries of clusterAffinities forward only, from the one that it used last. A workload that
#   has moved to a later entry stays there when the clusters of an earlier entry recover, and after the last entry the
#   scheduler does not start again at the first. Up to Karmada 1.18 a WorkloadRebalancer does not change that; from 1.19
#   on it starts at the first entry again. With overflowAffinities (1.18) workloads do return. Seen on Karmada v1.18.2:
#   with the second of two entries lost too, the workload stays pending although the first has recovered.
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
#   fix: Edit the policy to bring the workload back, or use a WorkloadRebalancer from Karmada 1.19 on.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/scheduler/scheduler.go:618
#     - karmada-io/karmada v1.18.2 pkg/scheduler/helper.go:99
package rules["affinities-lead-back"]

import data.lib.objects
import data.lib.placement

violation contains {
	"field": ["spec", "placement", "clusterAffinities"],
	"message": sprintf("clusterAffinities is tried forward only, so a workload that has left %q does not return when its clusters recover", [input.object.spec.placement.clusterAffinities[0].affinityName]),
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
