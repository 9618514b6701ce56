# What a placement asks of Karmada's scheduler.
package lib.placement

import data.lib.variables

# names is every cluster name in a policy, by its field. Values of overriders and of selectors are none.
names := {field: name | some [field, name] in _named}

# A set of pairs: OPA compares each key of a partial object with all others.
_named contains [field, name] if {
	some root, part in _parts
	walk(part, [path, list])
	is_array(list)
	path[count(path) - 1] in {"clusterNames", "exclude"}
	some i, name in list
	is_string(name)
	field := array.concat(root, array.concat(path, [i]))
}

_parts[["spec", "placement"]] := input.object.spec.placement

_parts[["spec", "suspension"]] := input.object.spec.suspension

_parts[["spec", "clusterAffinity"]] := input.object.spec.clusterAffinity

_parts[["spec", "targetCluster"]] := input.object.spec.targetCluster

_parts[["spec", "targetClusters"]] := input.object.spec.targetClusters

_parts[["spec", "overrideRules", i, "targetCluster"]] := input.object.spec.overrideRules[i].targetCluster

# Of a FederatedResourceQuota and a MultiClusterService.
_named contains [["spec", "staticAssignments", i, "clusterName"], name] if {
	name := input.object.spec.staticAssignments[i].clusterName
	is_string(name)
}

_named contains [["spec", key, i, "name"], name] if {
	some key, clusters in _exposed
	name := clusters[i].name
	is_string(name)
}

_exposed["providerClusters"] := input.object.spec.providerClusters

_exposed["consumerClusters"] := input.object.spec.consumerClusters

# terms are the groups of clusters that the scheduler tries one after another: the one clusterAffinity, or each of
# clusterAffinities. {"field", "affinity", "listed", "names", "plain"}: field leads to the affinity; listed are its
# clusterNames; names are all that it chooses by name, its overflow tiers among them; plain: nothing but names chooses.
terms := terms_of(_affinities)

_affinities["clusterAffinity"] := input.object.spec.placement.clusterAffinity

_affinities["clusterAffinities"] := input.object.spec.placement.clusterAffinities

# terms_of are the terms of any placement.
terms_of(placement) := [_term(["spec", "placement", "clusterAffinity"], placement.clusterAffinity)] if {
	is_object(placement.clusterAffinity)
} else := [_term(["spec", "placement", "clusterAffinities", i], affinity) |
	some i, affinity in placement.clusterAffinities
]

_term(field, affinity) := {
	"field": field,
	"affinity": affinity,
	"listed": object.get(affinity, "clusterNames", []),
	"names": union({included(tier) | some tier in _tiers(affinity)}),
	"plain": count([tier | some tier in _tiers(affinity); not by_name(tier)]) == 0,
}

# The affinity and those that take what does not fit into it; the last is open where they are a variable.
#
# Source: karmada-io/karmada v1.18.2 pkg/scheduler/framework/plugins/clusteraffinity/cluster_affinity.go:73.
_tiers(affinity) := array.concat([affinity], object.get(affinity, "overflowAffinities", [])) if {
	is_array(object.get(affinity, "overflowAffinities", []))
} else := [affinity, {}]

# included are the clusters that an affinity names and does not exclude.
included(affinity) := {name | some name in affinity.clusterNames} - {name | some name in affinity.exclude}

# by_name: an affinity chooses clusters by their names alone, and all of them are known.
default by_name(_) := false

by_name(affinity) if {
	count(affinity.clusterNames) > 0
	not selects_by_property(affinity)
	not variables.stand_in([affinity.clusterNames, object.get(affinity, "exclude", [])])
}

# selects_by_property: an affinity chooses clusters by labels, or by provider, region or zone.
selects_by_property(affinity) if affinity.labelSelector != null

selects_by_property(affinity) if affinity.fieldSelector != null

# candidates are the clusters that a policy may ever use, where its terms name them all; undefined otherwise.
candidates := candidates_of(_affinities)

# candidates_of are those of any placement.
candidates_of(placement) := {name | some term in of; some name in term.names} if {
	of := terms_of(placement)
	count(of) > 0
	every term in of {
		term.plain
	}
}

# few is the number of clusters that a spread constraint allows, where that is less than the candidates of one term.
#
# Source: karmada-io/karmada v1.18.2 pkg/scheduler/core/spreadconstraint/select_clusters_by_cluster.go:32.
few := most if {
	not ignores_spread
	some constraint in input.object.spec.placement.spreadConstraints
	spreads_by(constraint) == "cluster"
	most := constraint.maxGroups
	some term in terms
	term.plain
	count(term.names) > most
	most > 0
}

# divides_by_weight: replicas are divided by weight. Divided is the default of a replicaScheduling that is there,
# Weighted the default of a division.
#
# Source: karmada-io/karmada v1.18.2 pkg/apis/policy/v1alpha1/propagation_types.go:737, pkg/util/helper/policy.go:121.
divides_by_weight if {
	scheduling := input.object.spec.placement.replicaScheduling
	object.get(scheduling, "replicaSchedulingType", "Divided") == "Divided"
	object.get(scheduling, "replicaDivisionPreference", "") in {"", "Weighted"}
}

# static_weights is the list that divides the replicas; undefined where nothing or something else does.
static_weights := list if {
	divides_by_weight
	preference := input.object.spec.placement.replicaScheduling.weightPreference
	object.get(preference, "dynamicWeight", "") == ""
	list := preference.staticWeightList
	count(list) > 0
}

# static_weights_field leads to that list.
static_weights_field := ["spec", "placement", "replicaScheduling", "weightPreference", "staticWeightList"]

# one_cluster: a spread constraint asks for a single cluster.
one_cluster if {
	some constraint in input.object.spec.placement.spreadConstraints
	object.get(constraint, "spreadByField", "cluster") == "cluster"
	object.get(constraint, "spreadByLabel", "") == ""
	constraint.maxGroups == 1
}

# means_failover: the policy asks for one cluster after another rather than for all at once.
means_failover if one_cluster

means_failover if count(input.object.spec.failover) > 0

# ignores_spread: static weights, also those that are not named, leave spread constraints out.
#
# Source: karmada-io/karmada v1.18.2 pkg/scheduler/core/spreadconstraint/select_clusters.go:57.
ignores_spread if static_weights

ignores_spread if {
	divides_by_weight
	object.get(input.object.spec.placement.replicaScheduling, "weightPreference", null) == null
}

# spread_field leads to the spread constraints.
spread_field := ["spec", "placement", "spreadConstraints"]

# spreads_by is the field that a constraint spreads by, cluster by default; empty where it spreads by a label.
#
# Source: karmada-io/karmada v1.18.2 pkg/util/helper/policy.go:30.
spreads_by(constraint) := "" if {
	object.get(constraint, "spreadByLabel", "") != ""
} else := field if {
	field := object.get(constraint, "spreadByField", "")
	field != ""
} else := "cluster" if {
	is_object(constraint)
}
