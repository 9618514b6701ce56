# METADATA
# title: propagateDeps has the feature gate that it needs
# description: |
#   With the feature gate PropagateDeps off, Karmada ignores propagateDeps: the ConfigMaps and Secrets of a workload are
#   not propagated, and its pods do not start on the members. The gate is on by default in Karmada, but the karmada
#   chart turns it off unless controllerManager.featureGates.PropagateDeps is true. Seen on Karmada v1.18.2: the
#   Deployment arrives without its ConfigMap.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/scheduling/propagate-dependencies
#     description: Propagate dependencies
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#   fix: Set controllerManager.featureGates.PropagateDeps to true in the values of the karmada chart.
#   source:
#     - karmada-io/karmada v1.18.2 charts/karmada/values.yaml:376
#     - karmada-io/karmada v1.18.2 pkg/features/features.go:169
package rules["dependencies-propagate"]

import data.lib.karmada
import data.lib.objects

violation contains {
	"field": ["spec", "propagateDeps"],
	"message": sprintf("the feature gate \"PropagateDeps\" is off in the control plane %q, so dependencies are not propagated", [karmada.control_plane.name]),
	"related": [{"message": "the control plane", "origin": karmada.control_plane.origin}],
} if {
	not objects.suspended
	input.object.spec.propagateDeps == true
	karmada.gate("PropagateDeps") == "missing"
}
