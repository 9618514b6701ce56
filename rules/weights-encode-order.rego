# METADATA
# title: Static weights keep all replicas on the first healthy cluster
# description: |
#   Static weights are shares, not ranks: 3/2/1 puts one of three replicas on each cluster, and after a failover the
#   rest is divided by the remaining weights again. All n replicas stay on the first cluster, and move together to the
#   next, only if each weight is more than 2n-1 times the following one (Karmada 1.16 and later; up to 1.15 less is
#   enough). A cluster without a weight gets nothing as long as one with a weight is healthy, and then an even share.
#
#   The rule checks policies that are meant for failover: those with spec.failover, or with a spread constraint of one
#   cluster. Where the configuration declares the fleet's failover order, it checks every static weight list against
#   that order. The weights in the fix work in every version of Karmada. Where the workload is not in Git, or its
#   replicas are a variable, two replicas are assumed, and the finding is a warning.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/scheduling/propagation-policy
#     description: Propagation policy, replica scheduling
#   - ref: https://github.com/karmada-io/karmada/issues/3184
#     description: A static weight list with two clusters, and both have pods
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#   fix: 'Set steeper weights in the order of failover, or annotate the policy with rollcall.dev/active-active: "reason".'
#   source:
#     - karmada-io/karmada v1.18.2 pkg/util/helper/webstermethod.go:57
#     - karmada-io/karmada v1.18.2 pkg/scheduler/core/division_algorithm.go:38
#     - karmada-io/karmada v1.15.0 pkg/util/helper/binding.go:112
package rules["weights-encode-order"]

import data.lib.karmada
import data.lib.objects
import data.lib.placement
import data.lib.weights
import data.lib.workloads

# Too flat, or in another order than the fleet's.
violation contains {
	"field": placement.static_weights_field,
	"message": _wrong,
	"fix": _fix,
	"severity": _certainty,
	"related": _related,
	"edits": _edits,
} if {
	_judged
	_ordered
}

# In the affinity, without a weight.
violation contains {
	"field": array.concat(term.field, ["clusterNames", i]),
	"message": sprintf("%q has no weight, so it gets no replica while a cluster with a weight is healthy", [name]),
	"fix": "Give the cluster a weight in the order of failover.",
	"severity": _severity,
} if {
	_judged
	some term in placement.terms
	term.plain
	_weighs(term)
	some i, name in term.listed
	not _weight[name]
	name in term.names
}

_weighs(term) if {
	some name in term.names
	_weight[name] > 0
}

# Weighted, outside the affinity.
violation contains {
	"field": array.concat(placement.static_weights_field, [i, "targetCluster", "clusterNames", j]),
	"message": sprintf("%q has a weight but is not in the cluster affinity, so it gets no replica", [name]),
	"fix": "Add the cluster to the affinity, or remove its weight.",
	"severity": "warning",
} if {
	_judged
	candidates := placement.candidates
	some i, entry in placement.static_weights
	some j, name in entry.targetCluster.clusterNames
	not name in candidates
}

# Only names and numbers can be judged: no selectors, no variables.
_judged if {
	not objects.suspended
	every entry in placement.static_weights {
		is_number(entry.weight)
		placement.by_name(entry.targetCluster)
	}
	every name in placement.names {
		not contains(name, "${")
	}
}

# Of several weights for one cluster the highest counts.
_weight := {name: weight |
	some name, weights in _shares
	weight := max(weights)
}

_shares[name] contains entry.weight if {
	some entry in placement.static_weights
	some name in placement.included(entry.targetCluster)
}

# Whether the list is meant as an order at all. Several affinity terms are an order of their own.
_ordered if {
	not input.object.spec.placement.clusterAffinities
	not _active_active
	_meant
	_split >= 0
}

_meant if placement.means_failover

_meant if count(_declared) > 1

_active_active if trim_space(input.object.metadata.annotations["rollcall.dev/active-active"]) != ""

default _severity := "warning"

_severity := "error" if {
	_meant
	not _active_active
}

# The clusters that take part: those with a weight, in the declared order and then by weight.
_weighted := object.keys(_weight) & placement.candidates if {
	placement.candidates
} else := object.keys(_weight)

_declared := [name |
	some name in data.fleet.failoverOrder
	name in _weighted
]

_others := [pair[1] |
	some pair in sort([[0 - _weight[name], name] |
		some name in _weighted
		not name in _declared
	])
]

_order := array.concat(_declared, _others)

_vector := [_weight[name] | some name in _order]

_split := weights.first_split(_vector, _replicas, _bound)

_replicas := workloads.largest.replicas

# Without a version only what is too flat for all of them is wrong, and that is the older bound.
default _bound := "remainder"

_bound := "webster" if karmada.minor > 15

_seats(vector) := weights.remainder(vector, _replicas) if {
	karmada.minor < 16
} else := weights.webster(vector, _replicas)

_wrong := sprintf("the weights rank %q before %q, against the declared failover order", [_order[j], _order[i]]) if {
	[i, j] := _inversion
} else := sprintf("weights %s do not say whether %q or %q comes first", [_slashes(_vector), _order[_split], _order[_split + 1]]) if {
	_seats(_rest)[0] == _replicas
} else := sprintf("weights %s split %s into %s", [_slashes(_vector), _workload, _slashes(_seats(_vector))]) if {
	_split == 0
} else := sprintf("once %q is lost, weights %s split %s into %s", [_order[_split - 1], _slashes(_rest), _workload, _slashes(_seats(_rest))])

_rest := array.slice(_vector, _split, count(_vector))

# The first pair of clusters whose weights are the wrong way round.
_inversion := [i, j] if {
	i := min({i |
		some i, weight in _vector
		later := array.slice(_vector, i + 1, count(_vector))
		max(later) > weight
	})
	weight := _vector[i]
	j := min({j |
		some j, other in _vector
		j > i
		other > weight
	})
}

_workload := sprintf("%s replicas of %q", [format_int(_replicas, 10), workloads.largest.name]) if {
	workloads.largest.name
} else := sprintf("even %s replicas", [format_int(_replicas, 10)])

# How many replicas there are may be a guess: one alone is never split.
_certainty := "error" if {
	workloads.largest.name
} else := "warning"

_slashes(list) := concat("/", array.concat([format_int(n, 10) | some n in array.slice(list, 0, _shown)], _more(count(list) - _shown)))

# A list of a hundred weights is not read.
_shown := 12

_more(n) := [sprintf("… (%d more)", [n])] if n > 0

_more(n) := [] if n <= 0

_fix := sprintf("Set the weights %s, or annotate the policy with rollcall.dev/active-active: \"reason\".", [_advice]) if {
	weights.fits(count(_all), _replicas)
} else := "Give each cluster its own entry in clusterAffinities: no weights that the field can hold keep all replicas together."

# The weights for all clusters of the policy, those that have none yet last.
_advice := sprintf("%s for %s", [_slashes(_smallest), concat(", ", [sprintf("%q", [name]) | some name in _all])])

_smallest := weights.smallest(count(_all), _replicas) if weights.fits(count(_all), _replicas)

_all := array.concat(_order, _sorted(unweighted)) if {
	unweighted := [name |
		some term in placement.terms
		some name in term.listed
		name in term.names
		not _weight[name]
	]
}

_sorted(names) := array.concat(declared, [name | some name in names; not name in declared]) if {
	declared := [name | some name in data.fleet.failoverOrder; name in names]
}

# The weights of the fix are the only right ones where the configuration declares the order of all these
# clusters, each of them has one weight of its own, and the number of replicas is no guess. Equal weights without
# failover may be meant so.
default _edits := []

_edits := [{"field": array.concat(placement.static_weights_field, [i, "weight"]), "value": weight} |
	some i, entry in placement.static_weights
	some rank, name in _order
	name == entry.targetCluster.clusterNames[0]
	weight := _smallest[rank]
	weight != entry.weight
] if {
	workloads.largest.name
	_ranked
	_order == _declared
	_all == _order
	count(_order) == count(placement.static_weights)
	every entry in placement.static_weights {
		count(entry.targetCluster.clusterNames) == 1
		count(placement.included(entry.targetCluster)) == 1
	}
	_smallest[0] < 1000000000000
}

_ranked if placement.means_failover

_ranked if count({entry.weight | some entry in placement.static_weights}) > 1

default _related := []

_related := [{
	"message": "the replicas that the weights divide",
	"origin": workloads.largest.origin,
	"field": workloads.largest.field,
}] if {
	workloads.largest.origin
}
