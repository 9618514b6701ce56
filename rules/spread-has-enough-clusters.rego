# METADATA
# title: A spread requires no more clusters than can be selected
# description: |
#   Where fewer clusters are feasible than minGroups requires, the scheduler selects none, and nothing runs. In
#   clusterAffinities such an entry is never used.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/scheduling/propagation-policy
#     description: Propagation policy
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#   fix: Lower minGroups, or name more clusters.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/scheduler/core/spreadconstraint/select_clusters_by_cluster.go:27
#     - karmada-io/karmada v1.18.2 pkg/scheduler/scheduler.go:618
package rules["spread-has-enough-clusters"]

import data.lib.members
import data.lib.objects
import data.lib.placement

violation contains {
	"field": array.concat(placement.spread_field, [i, "minGroups"]),
	"message": sprintf("minGroups is %d and %s, so nothing is ever scheduled", [least, _number(most)]),
} if {
	some i, least in _wanted
	most := max([n | some n in _feasible])
	count(_feasible) == max([1, count(placement.terms)])
	most < least
	most > 0 # what selects nothing at all is of other rules
}

violation contains {
	"field": placement.terms[j].field,
	"message": sprintf("minGroups is %d and %s, so this entry is never used", [least, _number(n)]),
	"severity": "warning",
} if {
	some least in _wanted
	some j, n in _feasible
	n < least
	max([other | some other in _feasible]) >= least
}

_wanted[i] := constraint.minGroups if {
	not objects.suspended
	not placement.ignores_spread
	some i, constraint in input.object.spec.placement.spreadConstraints
	placement.spreads_by(constraint) == "cluster"
	is_number(constraint.minGroups)
}

# How many clusters each term can have at most, where that is known.
_feasible[j] := count([name | some name in term.names; not _no_member(name)]) if {
	some j, term in placement.terms
	term.plain
}

_feasible[j] := count(members.matching(term.affinity)) if {
	some j, term in placement.terms
	not term.plain
	count(object.get(term.affinity, "overflowAffinities", [])) == 0
}

_feasible[0] := count(data.fleet.members) if {
	count(input.object.spec.placement) > 0
	not input.object.spec.placement.clusterAffinity
	not input.object.spec.placement.clusterAffinities
	data.fleet.membership.certain
}

_no_member(name) if {
	data.fleet.membership.certain
	members.state(name) == "missing"
}

_number(0) := "no cluster can be selected"

_number(1) := "only one cluster can be selected"

_number(n) := sprintf("only %d clusters can be selected", [n]) if n > 1
