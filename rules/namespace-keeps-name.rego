# METADATA
# title: A Namespace is applied under its own name
# description: |
#   The namespace transformer of kustomize, and spec.targetNamespace is one, gives every Namespace of the build the
#   name of the target. Nothing makes the Namespace that was meant, and the other one belongs to the Kustomization
#   from then on: with prune it is deleted, and all that is in it, once its file goes. It is an error where the new
#   name is that of a Namespace that something else makes, or that every cluster has, as flux-system. Many fleets give
#   a shared Namespace its name by a kustomization file, so of that nothing is said but where an object in Git is in a
#   namespace of the old name.
# related_resources:
#   - ref: https://github.com/fluxcd/flux2/issues/3949
#     description: flux-system, renamed and pruned
# custom:
#   severity: error
#   admission: never
#   subjects:
#     - Kustomization.kustomize.toolkit.fluxcd.io
#   fix: Apply the Namespace by a Kustomization without targetNamespace, or take it out of the folder.
#   source:
#     - kubernetes-sigs/kustomize api/v0.21.1 filters/namespace/namespace.go:108
#     - fluxcd/pkg kustomize v1.35.7 kustomize_generator.go:219
package rules["namespace-keeps-name"]

violation contains {
	"origin": place.origin,
	"field": place.field,
	"message": sprintf("%s renames Namespace %q to %q%s", [place.by, renamed.from, renamed.to, _outcome(renamed)]),
	"severity": severity,
	"related": place.related,
} if {
	not input.kustomization.suspended
	some renamed in data.fleet.applied[input.kustomization.id].renamed
	severity := _severity(renamed)
	place := _place(renamed)
}

_severity(renamed) := "error" if {
	renamed.taken
	renamed.pruned
} else := "warning" if {
	renamed.taken
} else := "warning"

_place(renamed) := {
	"origin": input.kustomization.origin, "field": ["spec", "targetNamespace"], "by": "targetNamespace",
	"related": [{"message": "the Namespace", "origin": renamed.origin}],
} if {
	renamed.target
} else := {
	"origin": renamed.origin, "field": ["metadata", "name"], "by": "the namespace of a kustomization file",
	"related": [{"message": "the Kustomization", "origin": input.kustomization.origin}],
}

_outcome(renamed) := ", which it deletes once the file goes" if {
	renamed.taken
	renamed.pruned
} else := ", and that is what it is applied as"
