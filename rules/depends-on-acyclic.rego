# METADATA
# title: No Kustomization depends on itself
# description: |
#   Kustomizations that depend on each other in a cycle wait for one another forever. They also delay others: when a
#   source has a new revision, kustomize-controller sorts all Kustomizations of that source by their dependencies, and
#   where that fails it starts none of them until the interval of each is over.
# related_resources:
#   - ref: https://fluxcd.io/flux/components/kustomize/kustomizations/#dependencies
#     description: Kustomization, dependencies
#   - ref: https://github.com/fluxcd/kustomize-controller/issues/1712
#     description: A cycle stops the Kustomizations of its source
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - Kustomization.kustomize.toolkit.fluxcd.io
#   fix: Remove one of the dependencies.
#   source:
#     - fluxcd/kustomize-controller v1.9.4 internal/controller/kustomization_indexers.go:134
package rules["depends-on-acyclic"]

violation contains {
	"field": ["spec", "dependsOn", i, "name"],
	"message": sprintf("%q depends on %s, so Flux never applies them", [_name(input.kustomization.id), _way(reference)]),
	"related": related,
} if {
	not input.kustomization.suspended
	some i, reference in input.kustomization.dependsOn
	count(reference.cycle) > 0
	related := [{"message": "part of the cycle", "origin": other.origin, "field": ["spec", "dependsOn"]} |
		some id in reference.cycle
		id != input.kustomization.id
		other := data.fleet.kustomizations[id]
	]
}

# The others by their names, and then the Kustomization itself.
_way(reference) := concat(", which depends on ", array.concat(names, last)) if {
	names := [sprintf("%q", [_name(id)]) | some id in array.slice(reference.cycle, 1, count(reference.cycle))]
	last := _last(reference.cycleLength - count(reference.cycle))
}

_last(0) := [sprintf("%q", [_name(input.kustomization.id)])]

_last(more) := [sprintf("%d others and then on %q", [more, _name(input.kustomization.id)])] if more > 0

# The ID without the cluster.
_name(id) := substring(id, count(input.cluster) + 1, -1)
