# METADATA
# title: One Kustomization alone applies an object
# description: |
#   Where two Kustomizations apply one object, Flux reports no fault: the last one that reconciles wins, again and
#   again, and the one that is removed first, or loses the file, deletes the object of both by prune. Nothing is said
#   of an object that is marked kustomize.toolkit.fluxcd.io/ssa: IfNotPresent, Merge or Ignore. What differs in more
#   than labels and annotations is a warning, and so is a Namespace of which one copy is protected by
#   kustomize.toolkit.fluxcd.io/prune: disabled and the other is not. What is the same is an information where its
#   deletion takes more with it: a Namespace, a CRD or a volume. Seen with kustomize-controller v1.9.6: both are
#   ready, the last one wins.
# related_resources:
#   - ref: https://fluxcd.io/flux/components/kustomize/kustomizations/#prune
#     description: Kustomization, prune
# custom:
#   severity: warning
#   admission: never
#   subjects:
#     - Kustomization.kustomize.toolkit.fluxcd.io
#   fix: Remove the object from all but one of the Kustomizations.
#   source:
#     - fluxcd/kustomize-controller v1.9.6 internal/controller/kustomization_controller.go:1101
#     - fluxcd/pkg ssa v0.76.2 manager_delete.go:77
package rules["object-applied-once"]

violation contains {
	"origin": place.origin,
	"field": place.field,
	"message": sprintf("%s%s is applied by Kustomization %q%s too, and %s", [_name(shared), _more(shared.count), other.name, _more(shared.kustomizations), outcome]),
	"severity": severity,
	"related": place.related,
} if {
	not input.kustomization.suspended
	some shared in data.fleet.applied[input.kustomization.id].shared
	other := data.fleet.kustomizations[shared.with]
	[severity, outcome] := _judgement(shared)
	place := _place(shared, other)
}

_judgement(shared) := ["warning", "only one of the two keeps it from being deleted"] if {
	shared.namespaces
	not shared.sameFiles
	shared.pruned != shared.otherPruned
} else := ["warning", "each writes over the other"] if {
	not shared.equal
} else := ["info", "the one that goes first deletes it"] if {
	_deletes(shared)
}

_deletes(shared) if {
	shared.lasting
	shared.pruned
}

_deletes(shared) if {
	shared.lasting
	shared.otherPruned
}

# Where both have it from one file, the path leads there; of two files, it is the one that does
# not protect its Namespace.
_place(shared, other) := {
	"origin": input.kustomization.origin, "field": ["spec", "path"],
	"related": [{"message": "the other Kustomization", "origin": other.origin, "field": ["spec", "path"]}],
} if {
	shared.sameFiles
} else := {
	"origin": shared.other, "field": ["metadata", "name"],
	"related": [{"message": "as the other one applies it", "origin": shared.origin}],
} if {
	shared.namespaces
	shared.otherPruned
	not shared.pruned
} else := {
	"origin": shared.origin, "field": ["metadata", "name"],
	"related": [{"message": "as the other one applies it", "origin": shared.other}],
}

_name(shared) := sprintf("%s %q", [shared.kind, shared.name]) if {
	shared.namespace == ""
} else := sprintf("%s \"%s/%s\"", [shared.kind, shared.namespace, shared.name])

_more(count) := sprintf(" and %d more", [count - 1]) if {
	count > 1
} else := ""
