# METADATA
# title: No two policies place one object with equal rank
# description: |
#   An object has one policy: the one with the higher priority, then the one that selects it by name rather than by
#   labels, and by labels rather than by kind. Of equals Karmada takes the first by name, and an object stays with the
#   policy that has claimed it. The other policy does not place it, without an error. A PropagationPolicy always
#   precedes a ClusterPropagationPolicy.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/scheduling/propagation-policy
#     description: Propagation policy
#   - ref: https://github.com/karmada-io/karmada/issues/4697
#     description: Two policies for one resource
# custom:
#   severity: warning
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#   fix: Select the object in one policy only, or give the policies different priorities.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/detector/compare.go:30
#     - karmada-io/karmada v1.18.2 pkg/util/selector.go:55
package rules["one-policy-per-object"]

import data.lib.objects

violation contains {
	"field": objects.selector_field(i),
	"message": sprintf("%s is also selected by %s %q with equal rank, which Karmada prefers by its name", [_called(first[0]), split(input.subject, ".")[0], first[1].name]),
	"related": [{"message": "the policy that is taken", "origin": data.fleet.objects[input.apiServer][input.subject][first[1].namespace][first[1].name].origin}],
} if {
	not objects.suspended
	some i, selection in input.policy.selections
	first := min([[selected, claim] |
		some selected in selection.objects
		some claim in _claims(selected)
		own := _own(selected)
		_precedes(claim, own)
		not _variable(own)
		not _variable(claim)
	])
}

# Its priority is a variable.
_variable(claim) if {
	priority := data.fleet.objects[input.apiServer][input.subject][claim.namespace][claim.name].object.spec.priority
	not is_number(priority)
}

_claims(selected) := data.fleet.claims[input.apiServer][selected.kind][selected.namespace][selected.name]

_own(selected) := claim if {
	some claim in _claims(selected)
	claim.policy == input.policy.id
}

_precedes(claim, own) if {
	claim.kind == own.kind
	claim.priority == own.priority
	claim.by == own.by
	claim.name < own.name
	claim.namespace == own.namespace
}

_called(selected) := sprintf("%s %q", [split(selected.kind, ".")[0], selected.name])
