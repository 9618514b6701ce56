# METADATA
# title: What is applied to a Karmada control plane waits for it
# description: |
#   A Kustomization with the kubeconfig of a Karmada control plane that depends on the Kustomization which installs it
#   waits only for that one's objects to be applied, unless that has spec.wait or spec.healthChecks: the API server may
#   be minutes away. Flux tries again, so that nothing is lost but time.
# related_resources:
#   - ref: https://fluxcd.io/flux/components/kustomize/kustomizations/#dependencies
#     description: Kustomization, dependencies
# custom:
#   severity: info
#   admission: never
#   subjects:
#     - Kustomization.kustomize.toolkit.fluxcd.io
#   fix: Set spec.wait in the Kustomization that installs the control plane.
#   source:
#     - fluxcd/kustomize-controller v1.9.6 internal/controller/kustomization_controller.go:603
package rules["control-plane-awaited"]

violation contains {
	"field": ["spec", "dependsOn", i, "name"],
	"message": sprintf("Kustomization %q, which installs the control plane, is ready before that is: it has neither wait nor healthChecks", [reference.name]),
	"related": [{"message": "the control plane's Kustomization", "origin": plane.origin}],
} if {
	not input.kustomization.suspended
	input.kustomization.apiServer != input.cluster
	control := data.fleet.controlPlanes[data.fleet.apiServers[input.kustomization.apiServer].controlPlane]
	some i, reference in input.kustomization.dependsOn
	plane := data.fleet.kustomizations[sprintf("%s/%s/%s", [input.cluster, reference.namespace, reference.name])]
	_kustomization(control) == plane.id
	spec := data.fleet.objects[input.cluster]["Kustomization.kustomize.toolkit.fluxcd.io"][plane.namespace][plane.name].object.spec
	not spec.wait
	count(object.get(spec, "healthChecks", [])) == 0
}

# The Kustomization that applies the control plane's object.
_kustomization(control) := id if {
	some kind in ["HelmRelease.helm.toolkit.fluxcd.io", "Karmada.operator.karmada.io"]
	id := data.fleet.objects[control.cluster][kind][control.namespace][control.name].kustomization
}
