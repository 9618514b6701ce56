# METADATA
# title: An object of a namespaced kind has a namespace
# description: |
#   Flux applies on the server's side and puts no object into the namespace "default" by itself. An object without a
#   namespace is refused, and with it all that its Kustomization applies. The namespace stands in the object, in
#   namespace of a kustomization file or in spec.targetNamespace. Seen with kustomize-controller v1.9.6: "namespace not
#   specified". Kinds are those of Kubernetes, Flux and Karmada, and those whose CRD is in Git.
# related_resources:
#   - ref: https://fluxcd.io/flux/components/kustomize/kustomizations/#target-namespace
#     description: Kustomization, target namespace
# custom:
#   severity: error
#   admission: never
#   subjects:
#     - Kustomization.kustomize.toolkit.fluxcd.io
#   fix: Give the object metadata.namespace, or the Kustomization spec.targetNamespace.
#   source:
#     - fluxcd/kustomize-controller v1.9.6 internal/controller/kustomization_controller.go:854
#     - fluxcd/pkg ssa v0.76.2 manager_apply.go:428
package rules["namespace-given"]

violation contains {
	"origin": object.origin,
	"field": ["metadata", "name"],
	"message": sprintf("%s %q has no namespace, and Kustomization %q gives it none: Flux refuses it and all that is applied with it", [split(object.kind, ".")[0], object.name, input.kustomization.name]),
	"related": [{"message": "the Kustomization", "origin": input.kustomization.origin}],
} if {
	not input.kustomization.suspended
	input.kustomization.name != "" # Git shows whether it has a targetNamespace
	not startswith(data.fleet.clusters[input.cluster].fluxVersion, "0.") # which ran kubectl apply up to 0.17
	some object in data.fleet.applied[input.kustomization.id].unplaced
}
