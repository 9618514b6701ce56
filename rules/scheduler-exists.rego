# METADATA
# title: The scheduler that a policy names runs
# description: |
#   A policy with another schedulerName waits for a scheduler of that name. Where none runs, nothing is ever scheduled,
#   and no event says so. A scheduler has the name of its flag --scheduler-name, by default "default-scheduler". Seen on
#   Karmada v1.18.2: the binding has no condition at all until a scheduler of that name is started.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/scheduling/propagation-policy
#     description: Propagation policy
# custom:
#   severity: warning
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#   fix: Remove schedulerName, or run a scheduler of that name beside the control plane.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/scheduler/event_handler.go:380
package rules["scheduler-exists"]

import data.lib.karmada
import data.lib.objects

violation contains {
	"field": ["spec", "schedulerName"],
	"message": sprintf("the control plane %q has no scheduler %q in Git, so nothing is scheduled", [karmada.control_plane.name, name]),
	"related": [{"message": "the control plane", "origin": karmada.control_plane.origin}],
} if {
	not objects.suspended
	name := input.object.spec.schedulerName
	not contains(name, "$")
	not name in karmada.control_plane.schedulers
	name != ""
	count(karmada.control_plane.schedulers) > 0
}
