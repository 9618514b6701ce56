# METADATA
# title: Preserved state reaches the cluster that a workload moves to
# description: |
#   statePreservation works where the feature gate StatefulFailoverInjection of karmada-controller-manager is on (it is
#   off by default), and where Karmada removes the old copy at once: with purgeMode Directly (Immediately up to 1.14).
#   With the default, Gracefully, the state is not passed on.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/failover/application-failover
#     description: Application-level failover
#   - ref: https://karmada.io/docs/userguide/failover/cluster-failover
#     description: Cluster failover
# custom:
#   severity: warning
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#   fix: Set purgeMode to Directly and turn StatefulFailoverInjection on, or remove statePreservation.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/controllers/applicationfailover/common.go:145
#     - karmada-io/karmada v1.18.2 pkg/controllers/binding/common.go:128
package rules["state-preservation-works"]

import data.lib.karmada
import data.lib.objects

violation contains {
	"field": ["spec", "failover", kind, "statePreservation"],
	"message": sprintf("purgeMode %q does not preserve the state", [mode]),
} if {
	some kind, behavior in _preserving
	mode := object.get(behavior, "purgeMode", "Gracefully")
	not mode in {"Directly", "Immediately"}
	not contains(mode, "$")
}

violation contains {
	"field": ["spec", "failover", kind, "statePreservation"],
	"message": sprintf("the feature gate \"StatefulFailoverInjection\" is off in the control plane %q, so no state is preserved", [karmada.control_plane.name]),
	"related": [{"message": "the control plane", "origin": karmada.control_plane.origin}],
} if {
	some kind, _ in _preserving
	karmada.gate("StatefulFailoverInjection") == "missing"
}

_preserving[kind] := behavior if {
	not objects.suspended
	some kind in ["application", "cluster"]
	behavior := input.object.spec.failover[kind]
	count(behavior.statePreservation.rules) > 0
}
