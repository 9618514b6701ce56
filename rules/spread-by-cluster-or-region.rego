# METADATA
# title: Replicas spread by a field that the scheduler supports
# description: |
#   The scheduler spreads over clusters and regions. A policy with a spread by label alone is accepted and never
#   scheduled, with the error "just support cluster and region spread constraint"; a spread by zone or provider is
#   ignored, except that clusters without a zone or provider are excluded. The former was seen on Karmada v1.18.2.
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
	"message": "the scheduler does not support a spread by label, so it schedules nothing",
} if {
	_judged
	count(_known) == 0
	some i, constraint in input.object.spec.placement.spreadConstraints
	object.get(constraint, "spreadByLabel", "") != ""
}

violation contains {
	"field": array.concat(placement.spread_field, [i, "spreadByField"]),
	"message": sprintf("the scheduler ignores the spread by %q", [field]),
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
