# METADATA
# title: A patch for all of a kind takes nothing out of their lists
# description: |
#   kustomize knows no key by which to merge lists of custom resources, so a merge patch that brings
#   spec.postBuild.substituteFrom, spec.dependsOn, spec.patches, spec.valuesFrom or another list replaces the object's
#   own one. A parent that gives all its Kustomizations a source of variables so takes their own sources away. Seen with
#   kustomize-controller v1.9.6, with spec.patches and in kustomization files. A patch that names its one object will
#   mean to, and nothing is said of it.
# related_resources:
#   - ref: https://fluxcd.io/flux/components/kustomize/kustomizations/#patches
#     description: Kustomization, patches
# custom:
#   severity: warning
#   subjects:
#     - Kustomization.kustomize.toolkit.fluxcd.io
#   fix: List all entries in the patch, add to the list by a JSON patch with "/-", or leave the object out of the target.
#   source:
#     - kubernetes-sigs/kustomize kyaml/v0.21.1 yaml/merge2/merge2.go
package rules["patch-keeps-lists"]

violation contains {
	"origin": effect.origin,
	"field": effect.field,
	"message": sprintf("the patch replaces %s of %s%s, which loses %s", [effect.what, effect.object, _more, concat(", ", [sprintf("%q", [name]) | some name in effect.names])]),
	"related": [{"message": "the list", "origin": effect.in}],
} if {
	not input.kustomization.suspended
	some place, effects in _dropped
	effect := effects[0]
	_more := _others(count(effects) - 1)
}

# One finding for each patch and list.
_dropped[place] := effects if {
	some place in {[effect.origin, effect.field, effect.what] | some effect in input.kustomization.effects; effect.kind == "dropped"}
	effects := [effect | some effect in input.kustomization.effects; effect.kind == "dropped"; place == [effect.origin, effect.field, effect.what]]
}

_others(n) := sprintf(" and %d more", [n]) if {
	n > 0
} else := ""
