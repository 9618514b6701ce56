# METADATA
# title: Replicas that Karmada sets are scaled on Karmada
# description: |
#   A HorizontalPodAutoscaler that is propagated scales the workload on each member, and Karmada writes its own number
#   of replicas over that with every change of the policy or the template: the two undo each other. A FederatedHPA
#   scales the template, and Karmada divides the sum. Karmada keeps a member's number where the template has the label
#   resourcetemplate.karmada.io/retain-replicas, which its controller hpaScaleTargetMarker sets; that is off by default.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/autoscaling/federatedhpa
#     description: FederatedHPA
# custom:
#   severity: warning
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#   fix: 'Make it a FederatedHPA, or set the label resourcetemplate.karmada.io/retain-replicas: "true" on the workload.'
#   source:
#     - karmada-io/karmada v1.18.2 pkg/resourceinterpreter/default/native/retain.go:145
#     - karmada-io/karmada v1.18.2 cmd/controller-manager/app/controllermanager.go:238
package rules["autoscaler-on-karmada"]

import data.lib.objects

violation contains {
	"field": objects.selector_field(i),
	"message": sprintf("HorizontalPodAutoscaler %q scales %s %q on its members, and Karmada writes its own number of replicas over that", [scaler.name, target.kind, target.name]),
	"related": [{"message": "the workload", "origin": workload.origin}],
} if {
	not objects.suspended
	some i, selection in input.policy.selections
	selection.kind == "HorizontalPodAutoscaler.autoscaling"
	some scaler in selection.objects
	target := data.fleet.objects[input.apiServer][scaler.kind][scaler.namespace][scaler.name].object.spec.scaleTargetRef
	kind := objects.group_kind(target.apiVersion, target.kind)
	workload := data.fleet.objects[input.apiServer][kind][scaler.namespace][target.name]
	data.fleet.claims[input.apiServer][kind][scaler.namespace][target.name]
	not workload.object.metadata.labels["resourcetemplate.karmada.io/retain-replicas"] == "true"
}
