# METADATA
# title: Replicas spread by a field that the scheduler knows
# description: |
#   The scheduler spreads over clusters and regions. A spread by label alone is accepted and then never scheduled, with
#   the error "just support cluster and region spread constraint"; one by zone or provider is silently left out, but for
#   the clusters without a zone or provider, which drop out. The former was seen on Karmada v1.18.2.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/scheduling/propagation-policy
#     description: Propagation policy, spread constraints
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#   fix: Spread by cluster or region.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/scheduler/core/spreadconstraint/select_clusters.go:48
#     - karmada-io/karmada v1.18.2 pkg/scheduler/framework/plugins/spreadconstraint/spread_constraint.go:55
package rules["spread-by-cluster-or-region"]

import data.lib.objects
import data.lib.placement

violation contains {
	"field": array.concat(placement.spread_field, [i, "spreadByLabel"]),
	"message": "the scheduler knows no spread by label, and schedules nothing; it would spread by cluster or region",
} if {
	_judged
	count(_known) == 0
	some i, constraint in input.object.spec.placement.spreadConstraints
	object.get(constraint, "spreadByLabel", "") != ""
}

violation contains {
	"field": array.concat(placement.spread_field, [i, "spreadByField"]),
	"message": sprintf("the scheduler leaves the spread by %q out; it would spread by cluster or region", [field]),
	"severity": "warning",
} if {
	_judged
	count(_known) > 0
	some i, constraint in input.object.spec.placement.spreadConstraints
	field := placement.spreads_by(constraint)
	field in {"zone", "provider"}
}

_judged if {
	not objects.suspended
	not placement.ignores_spread
}

_known contains field if {
	some constraint in input.object.spec.placement.spreadConstraints
	field := placement.spreads_by(constraint)
	field in {"cluster", "region"}
}
