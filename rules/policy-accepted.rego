# METADATA
# title: A policy is one that Karmada accepts
# description: |
#   karmada-webhook refuses these when the policy is applied, and Flux stops at it; a file says so before the merge: an
#   affinity in two forms, overflow tiers where nothing divides by capacity or before any cluster, names of affinities that
#   are equal, spread constraints that contradict themselves or spread by a field without one for clusters, times that are out of range,
#   and preemption of what has no name.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/scheduling/propagation-policy
#     description: Propagation policy
# custom:
#   severity: error
#   admission: never
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#   fix: Write what the message says.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/util/validation/validation.go:72
#     - karmada-io/karmada v1.18.2 pkg/util/validation/validation.go:87
#     - karmada-io/karmada v1.18.2 pkg/util/validation/validation.go:102
#     - karmada-io/karmada v1.18.2 pkg/util/validation/validation.go:186
#     - karmada-io/karmada v1.18.2 pkg/util/validation/validation.go:212
#     - karmada-io/karmada v1.18.2 pkg/util/validation/validation.go:266
#     - karmada-io/karmada v1.18.2 pkg/util/validation/validation.go:329
package rules["policy-accepted"]

import data.lib.objects
import data.lib.placement
import data.lib.variables

violation contains {"field": field, "message": sprintf("%s; Karmada refuses the policy", [message])} if {
	not objects.suspended
	some [field, message] in _faults
}

_placement := input.object.spec.placement

_faults contains [["spec", "placement", "clusterAffinities"], "clusterAffinity and clusterAffinities exclude each other"] if {
	is_object(_placement.clusterAffinity)
	count(_placement.clusterAffinities) > 0
}

_faults contains [["spec", "placement", "clusterAffinities", i, "overflowAffinities"], "overflowAffinities need a division by Aggregated or dynamicWeight"] if {
	some i, affinity in _placement.clusterAffinities
	count(affinity.overflowAffinities) > 0
	not _by_capacity
	not variables.stand_in(_placement.replicaScheduling)
}

_by_capacity if {
	object.get(_placement.replicaScheduling, "replicaSchedulingType", "Divided") == "Divided"
	_placement.replicaScheduling.replicaDivisionPreference == "Aggregated"
}

_by_capacity if {
	placement.divides_by_weight
	_placement.replicaScheduling.weightPreference.dynamicWeight
}

_faults contains [["spec", "placement", "clusterAffinities", i, "overflowAffinities"], "an affinity that overflows chooses clusters of its own first"] if {
	some i, affinity in _placement.clusterAffinities
	count(affinity.overflowAffinities) > 0
	count(object.get(affinity, "clusterNames", [])) == 0
	count(object.get(affinity, "exclude", [])) == 0
	not placement.selects_by_property(affinity)
}

_faults contains [["spec", "placement", "clusterAffinities", i, "overflowAffinities", j, "affinityName"], sprintf("affinityName %q is there twice", [tier.affinityName])] if {
	some i, affinity in _placement.clusterAffinities
	some j, tier in affinity.overflowAffinities
	tier.affinityName in ({affinity.affinityName} | {other.affinityName | some k, other in affinity.overflowAffinities; k < j})
}

_faults contains [["spec", "placement", "clusterAffinities", j, "affinityName"], sprintf("affinityName %q is there twice", [name])] if {
	some i, j
	name := _placement.clusterAffinities[i].affinityName
	name == _placement.clusterAffinities[j].affinityName
	i < j
}

_faults contains [array.concat(placement.spread_field, [i, "spreadByLabel"]), "a constraint spreads by a field or by a label, not by both"] if {
	some i, constraint in _placement.spreadConstraints
	object.get(constraint, "spreadByField", "") != ""
	object.get(constraint, "spreadByLabel", "") != ""
}

_faults contains [array.concat(placement.spread_field, [i, key]), sprintf("%s is %d, and the least is 0", [key, n])] if {
	some i, constraint in _placement.spreadConstraints
	some key in ["minGroups", "maxGroups"]
	n := constraint[key]
	n < 0
}

_faults contains [array.concat(placement.spread_field, [i, "maxGroups"]), sprintf("maxGroups %d is less than minGroups %d", [constraint.maxGroups, constraint.minGroups])] if {
	some i, constraint in _placement.spreadConstraints
	is_number(constraint.minGroups)
	constraint.maxGroups > 0
	constraint.maxGroups < constraint.minGroups
}

_faults contains [array.concat(placement.spread_field, [j]), sprintf("two constraints spread by %q", [field])] if {
	some i, j
	field := placement.spreads_by(_placement.spreadConstraints[i])
	field == placement.spreads_by(_placement.spreadConstraints[j])
	field != ""
	not variables.stand_in(field)
	i < j
}

_faults contains [placement.spread_field, "a spread by a field takes one by cluster as well"] if {
	fields := {placement.spreads_by(constraint) | some constraint in _placement.spreadConstraints} - {""}
	count(fields) > 0
	not "cluster" in fields
	not variables.stand_in(fields)
}

_faults contains [["spec", "failover", "application", "decisionConditions", "tolerationSeconds"], sprintf("tolerationSeconds is %d, and the least is 0", [n])] if {
	n := input.object.spec.failover.application.decisionConditions.tolerationSeconds
	n < 0
}

_faults contains [["spec", "failover", "application", "gracePeriodSeconds"], sprintf("gracePeriodSeconds goes with purgeMode \"Gracefully\", and not with %q", [mode])] if {
	_ := input.object.spec.failover.application.gracePeriodSeconds
	mode := object.get(input.object.spec.failover.application, "purgeMode", "Gracefully")
	not mode in {"Gracefully", "Graciously"}
	not variables.stand_in(mode)
}

_faults contains [["spec", "failover", "application", "gracePeriodSeconds"], sprintf("gracePeriodSeconds is %d, and the least is 1", [n])] if {
	n := input.object.spec.failover.application.gracePeriodSeconds
	n < 1
}

_faults contains [["spec", "resourceSelectors", i], "a policy that preempts others names what it selects"] if {
	input.object.spec.preemption == "Always"
	some i, selector in input.object.spec.resourceSelectors
	object.get(selector, "name", "") == ""
}

_faults contains [["spec", "suspension"], "dispatching and dispatchingOnClusters exclude each other"] if {
	input.object.spec.suspension.dispatching == true
	count(input.object.spec.suspension.dispatchingOnClusters.clusterNames) > 0
}
