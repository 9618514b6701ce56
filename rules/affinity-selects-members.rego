# METADATA
# title: A cluster affinity selects some members, and not all by accident
# description: |
#   An affinity that excludes every cluster that it names, or whose labels no member has, selects nothing, and the
#   policy places nothing. An empty affinity, "clusterAffinity: {}" or an empty clusterNames, selects every member,
#   including those that join later. Where all members are meant, leave the affinity out or write "labelSelector: {}".
#   Labels are checked where the Cluster object of every member is in Git.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/scheduling/propagation-policy
#     description: Propagation policy
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#   fix: List the clusters in clusterNames, or remove the affinity.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/util/selector.go:97
#     - karmada-io/karmada v1.18.2 pkg/util/selector.go:154
package rules["affinity-selects-members"]

import data.lib.labels
import data.lib.members
import data.lib.objects
import data.lib.placement

violation contains {
	"field": array.concat(term.field, ["exclude"]),
	"message": "exclude lists every cluster that clusterNames lists, so the affinity selects no cluster",
	"fix": "Remove from exclude the clusters that are meant.",
} if {
	some term in _judged
	is_array(term.listed)
	count(term.listed) > 0
	count(placement.included(term.affinity)) == 0
}

violation contains {
	"field": array.concat(term.field, ["labelSelector"]),
	"message": "no member has the labels of labelSelector, so the affinity selects no cluster",
	"fix": "Correct the selector, or add the labels to the Cluster objects of the members.",
	"severity": members.severity,
} if {
	some term in _judged
	count(object.get(term.affinity, "labelSelector", {})) > 0
	not _labelled(term.affinity.labelSelector)
	count(members.matching(object.remove(term.affinity, ["clusterNames", "exclude"]))) == 0
}

violation contains {
	"field": term.field,
	"message": "the affinity names no cluster, so it selects every member, including those that join later",
	"severity": "warning",
} if {
	some term in _judged
	count(term.listed) == 0
	count(object.get(term.affinity, "exclude", [])) == 0
	not placement.selects_by_property(term.affinity)
}

_judged := [term | some term in placement.terms; not objects.suspended]

# Of many members the first that has the labels is soon found.
_labelled(selector) if labels.match(data.fleet.members[_].labels, selector)
