# METADATA
# title: An object that Karmada places on a member is not applied there by Flux too
# description: |
#   An object that Flux applies to a member and Karmada places there has two owners: with conflictResolution Abort, the
#   default, Karmada reports a conflict and never places its copy; with Overwrite the two overwrite each other forever.
#   Namespaces are a warning, since Karmada creates them on every member anyway, unless they carry the label
#   namespace.karmada.io/skip-auto-propagation. Seen on Karmada v1.18.2: with Abort the member keeps its own object and
#   the binding is never FullyApplied; with Overwrite Karmada overwrites it.
# related_resources:
#   - ref: https://github.com/karmada-io/karmada/issues/6362
#     description: A conflict with an object that is there already
#   - ref: https://github.com/karmada-io/karmada/issues/4999
#     description: conflictResolution
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#   fix: Remove the object from the member's part of the repository, or from the policy.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/apis/policy/v1alpha1/propagation_types.go:149
#     - karmada-io/karmada v1.18.2 pkg/controllers/binding/common.go:323
package rules["object-owned-once"]

import data.lib.objects
import data.lib.placement

violation contains {
	"field": objects.selector_field(i),
	"message": sprintf("%s %q is also applied to %q by its own Flux, so %s", [split(first.kind, ".")[0], first.name, first.member, _outcome(first.resolution)]),
	"severity": _severity(first.kind),
	"related": [{"message": "the other owner", "origin": first.origin}],
} if {
	not objects.suspended
	data.fleet.apiServers[input.apiServer].kind == "karmada"
	some i, selection in input.policy.selections
	first := min([{"kind": selected.kind, "name": selected.name, "member": member, "origin": origin, "resolution": _resolution(selected)} |
		some selected in selection.objects
		some member, cluster in _others
		origin := _applied(selected, cluster)
	])
}

# Where the member's own Flux has the object from.
_applied(selected, cluster) := origin if {
	origin := data.fleet.objects[cluster][selected.kind][""][selected.name].origin
} else := data.fleet.objects[cluster][selected.kind][_namespace(selected)][selected.name].origin

# The Flux clusters that the policy's members are.
_others[member] := cluster if {
	some member in placement.candidates
	cluster := data.fleet.members[member].fluxCluster
	cluster != input.apiServer
	data.fleet.clusters[cluster].declared
}

# Where an object without a namespace is put: Git need not say it of both.
_namespace(selected) := "default" if {
	selected.namespace == ""
} else := selected.namespace

# What the object itself says precedes what its policy says.
_resolution(selected) := lower(own) if {
	annotations := data.fleet.objects[input.apiServer][selected.kind][selected.namespace][selected.name].object.metadata.annotations
	own := annotations["work.karmada.io/conflict-resolution"]
	own in {"abort", "overwrite"}
} else := lower(_preferred)

default _preferred := "Abort"

_preferred := input.object.spec.conflictResolution

_outcome(resolution) := "the two overwrite each other" if {
	resolution == "overwrite"
} else := "Karmada never places it there"

_severity("Namespace") := "warning"

_severity(kind) := "error" if kind != "Namespace"
