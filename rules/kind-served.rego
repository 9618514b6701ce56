# METADATA
# title: The API server of a custom resource has its CRD
# description: |
#   An object of a kind that the API server does not serve is refused, and with it all that its Kustomization applies. A
#   Karmada API server is the usual case: the operator and its CRDs run on the members, and their objects are applied to
#   Karmada, which must know the kind too. Nothing is said of an API server to which a chart, or something that Git does
#   not show, may bring CRDs. Seen with kustomize-controller v1.9.6: "no matches for kind".
# related_resources:
#   - ref: https://karmada.io/docs/userguide/scheduling/propagate-crd
#     description: Propagate CRDs
# custom:
#   severity: warning
#   admission: never
#   subjects:
#     - Kustomization.kustomize.toolkit.fluxcd.io
#   fix: Apply the CRD there too, by a Kustomization that this one depends on.
#   source:
#     - fluxcd/kustomize-controller v1.9.6 internal/controller/kustomization_controller.go:954
package rules["kind-served"]

violation contains {
	"origin": object.origin,
	"field": ["kind"],
	"message": sprintf("nothing in Git brings the CRD of %s to API server %q, so %q cannot be applied there", [object.kind, input.kustomization.apiServer, object.name]),
	"related": [{"message": "the Kustomization", "origin": input.kustomization.origin}],
} if {
	not input.kustomization.suspended
	some object in data.fleet.applied[input.kustomization.id].unserved
}
