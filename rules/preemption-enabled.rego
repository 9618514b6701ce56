# METADATA
# title: A policy that preempts others has the feature gate for it
# description: |
#   "preemption: Always" takes an object over from a policy of lower priority, and only where the feature gate
#   PropagationPolicyPreemption of karmada-controller-manager is on. It is off by default; the policy is accepted, and
#   only the controller's log has a warning.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/scheduling/propagation-policy
#     description: Propagation policy
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#   fix: Turn PropagationPolicyPreemption on in the control plane, or remove spec.preemption.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/detector/preemption.go:50
#     - karmada-io/karmada v1.18.2 pkg/features/features.go:171
package rules["preemption-enabled"]

import data.lib.karmada
import data.lib.objects

violation contains {
	"field": ["spec", "preemption"],
	"message": sprintf("the feature gate \"PropagationPolicyPreemption\" is off in the control plane %q, so nothing is preempted", [karmada.control_plane.name]),
	"related": [{"message": "the control plane", "origin": karmada.control_plane.origin}],
} if {
	not objects.suspended
	input.object.spec.preemption == "Always"
	karmada.gate("PropagationPolicyPreemption") == "missing"
}
