# METADATA
# title: Every static weight is at least 1
# description: |
#   Karmada's schema refuses a weight below 1, so the policy cannot be created, and Flux stops at it. Give a cluster
#   that gets replicas only after the others a small weight, and leave one that gets none out of the list.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/scheduling/propagation-policy
#     description: Propagation policy, static weights
# custom:
#   severity: error
#   admission: never
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#   fix: Give the cluster a weight of 1 or more, or remove it from the list.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/apis/policy/v1alpha1/propagation_types.go:776
package rules["weight-at-least-one"]

import data.lib.objects
import data.lib.placement

violation contains {
	"field": array.concat(placement.static_weights_field, [i, "weight"]),
	"message": sprintf("Karmada refuses the weight %v, which is less than 1", [entry.weight]),
} if {
	not objects.suspended
	some i, entry in input.object.spec.placement.replicaScheduling.weightPreference.staticWeightList
	is_number(entry.weight)
	entry.weight < 1
}
