# METADATA
# title: Something makes the namespace of every object
# description: |
#   The API server refuses an object whose namespace is not there, and Flux then applies nothing else of the
#   Kustomization. A namespace is made by a Namespace in Git, by a HelmRelease with install.createNamespace, or by a
#   Karmada that propagates it; and it may be made by hand. So nothing is said where a cluster applies something
#   that Git does not show. It is a warning where Git makes a Namespace of that name on another cluster, or one on
#   this cluster whose name is a slip of the pen away, and else an information. Seen with kustomize-controller
#   v1.9.6: "namespaces not found".
# related_resources:
#   - ref: https://fluxcd.io/flux/components/kustomize/kustomizations/#target-namespace
#     description: Kustomization, target namespace
# custom:
#   severity: warning
#   admission: never
#   subjects:
#     - Kustomization.kustomize.toolkit.fluxcd.io
#   fix: Add the Namespace to what the cluster applies, or correct the name.
#   source:
#     - fluxcd/kustomize-controller v1.9.6 internal/controller/kustomization_controller.go:954
#     - fluxcd/helm-controller v1.6.5 api/v2/helmrelease_types.go (Install.CreateNamespace)
package rules["namespace-exists"]

violation contains {
	"origin": namespace.origin,
	"field": namespace.field,
	"message": sprintf("nothing in Git makes the namespace %q at API server %q, which %s %q is in%s", [namespace.name, input.kustomization.apiServer, namespace.kind, namespace.object, hint]),
	"severity": severity,
	"fix": fix,
	"related": related,
} if {
	not input.kustomization.suspended
	some namespace in data.fleet.applied[input.kustomization.id].homeless
	namespace.kind != "FederatedResourceQuota" # karmada-reference-exists
	[severity, hint, fix, related] := _judgement(namespace)
}

_judgement(namespace) := ["warning", sprintf(", and it makes %q", [namespace.near]), sprintf("Correct the name to %q, or add the Namespace.", [namespace.near]), []] if {
	namespace.near != ""
} else := ["warning", ", as it does on another cluster", _fix, [{"message": "the Namespace of the other cluster", "origin": namespace.elsewhere}]] if {
	namespace.elsewhere.file != ""
} else := ["info", "", _fix, []]

_fix := "Add the Namespace to what the cluster applies, or correct the name."
