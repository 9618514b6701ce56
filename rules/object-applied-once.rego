# METADATA
# title: One Kustomization alone applies an object
# description: |
#   Where two Kustomizations apply one object, Flux reports no fault: the last one that reconciles wins, again and again, and the one
#   that is removed first, or loses the file, deletes the object of both by prune. Nothing is said of an object that is
#   marked kustomize.toolkit.fluxcd.io/ssa: IfNotPresent, Merge or Ignore, and of a Namespace that neither deletes, since they are
#   the same or are marked kustomize.toolkit.fluxcd.io/prune: disabled. What differs is a warning, and so is a Namespace of which
#   one copy is protected and the other is not. Seen with kustomize-controller v1.9.6: both are ready, the last one wins.
# related_resources:
#   - ref: https://fluxcd.io/flux/components/kustomize/kustomizations/#prune
#     description: Kustomization, prune
# custom:
#   severity: warning
#   admission: never
#   subjects:
#     - Kustomization.kustomize.toolkit.fluxcd.io
#   fix: Leave the object to one of the Kustomizations.
#   source:
#     - fluxcd/kustomize-controller v1.9.6 internal/controller/kustomization_controller.go:1101
#     - fluxcd/pkg ssa v0.76.2 manager_delete.go:77
package rules["object-applied-once"]

violation contains {
	"origin": place.origin,
	"field": place.field,
	"message": sprintf("%s%s is applied by Kustomization %q too, and %s", [_name(shared), _more(shared), other.name, outcome]),
	"severity": severity,
	"related": [{"message": "as the other one applies it", "origin": shared.other}],
} if {
	not input.kustomization.suspended
	some shared in data.fleet.applied[input.kustomization.id].shared
	other := data.fleet.kustomizations[shared.with]
	[severity, outcome] := _judgement(shared)
	place := _place(shared)
}

_judgement(shared) := ["warning", "only one of the two keeps it from being deleted"] if {
	shared.namespaces
	shared.pruned != shared.otherPruned
} else := ["info", "the one that goes first deletes it"] if {
	shared.namespaces
	shared.pruned
} else := ["warning", "each writes over the other"] if {
	not shared.namespaces
	not shared.equal
} else := ["info", "the one that goes first deletes it"] if {
	not shared.namespaces
	shared.pruned
}

# Where both have it from one file, the path leads there.
_place(shared) := {"origin": input.kustomization.origin, "field": ["spec", "path"]} if {
	shared.origin == shared.other
} else := {"origin": shared.origin, "field": ["metadata", "name"]}

_name(shared) := sprintf("%s %q", [shared.kind, shared.name]) if {
	shared.namespace == ""
} else := sprintf("%s \"%s/%s\"", [shared.kind, shared.namespace, shared.name])

_more(shared) := sprintf(" and %d more", [shared.count - 1]) if {
	shared.count > 1
} else := ""
