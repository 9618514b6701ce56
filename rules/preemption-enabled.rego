# METADATA
# title: A policy that preempts others has the feature gate for it
# description: |
#   "preemption: Always" takes an object over from a policy of lower priority, and only where the feature gate
#   PropagationPolicyPreemption of karmada-controller-manager is on. It is off by default; the policy is accepted, and a
#   warning in the controller's log is all that is said.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/scheduling/propagation-policy
#     description: Propagation policy
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#   fix: Switch PropagationPolicyPreemption on in the control plane, or leave preemption out.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/detector/preemption.go:50
#     - karmada-io/karmada v1.18.2 pkg/features/features.go:171
package rules["preemption-enabled"]

import data.lib.karmada
import data.lib.objects

violation contains {
	"field": ["spec", "preemption"],
	"message": sprintf("the control plane %q has the feature gate PropagationPolicyPreemption off, so nothing is preempted; it would be on", [karmada.control_plane.name]),
	"related": [{"message": "the control plane", "origin": karmada.control_plane.origin}],
} if {
	not objects.suspended
	input.object.spec.preemption == "Always"
	karmada.gate("PropagationPolicyPreemption") == "missing"
}
