# METADATA
# title: A cluster affinity selects some members and not all by accident
# description: |
#   An affinity that excludes every cluster that it names, or whose labels no member has, selects nothing, and the policy
#   places nothing. One that says nothing at all, "clusterAffinity: {}" or an empty clusterNames, selects every member,
#   also those that join later; a placement for all says so best without an affinity, or with "labelSelector: {}". Labels
#   are judged where every member's Cluster object is in Git.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/scheduling/propagation-policy
#     description: Propagation policy
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#   fix: Name the clusters that are meant, or leave the affinity out.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/util/selector.go:97
#     - karmada-io/karmada v1.18.2 pkg/util/selector.go:154
package rules["affinity-selects-members"]

import data.lib.members
import data.lib.objects
import data.lib.placement

violation contains {
	"field": array.concat(term.field, ["exclude"]),
	"message": "exclude takes away every cluster that clusterNames lists, so nothing is selected; one of them would stay",
} if {
	some term in _judged
	is_array(term.listed)
	count(term.listed) > 0
	count(placement.included(term.affinity)) == 0
}

violation contains {
	"field": array.concat(term.field, ["labelSelector"]),
	"message": "no member has these labels, so nothing is selected; a member's Cluster object would have them",
	"severity": members.severity,
} if {
	some term in _judged
	count(object.get(term.affinity, "labelSelector", {})) > 0
	count(members.matching(object.remove(term.affinity, ["clusterNames", "exclude"]))) == 0
}

violation contains {
	"field": term.field,
	"message": "the affinity names no cluster, so it selects every member, also those to come; it would name those that are meant",
	"severity": "warning",
} if {
	some term in _judged
	count(term.listed) == 0
	count(object.get(term.affinity, "exclude", [])) == 0
	not placement.selects_by_property(term.affinity)
}

_judged := [term | some term in placement.terms; not objects.suspended]
