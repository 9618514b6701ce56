# METADATA
# title: An override policy selects the objects that it overrides
# description: |
#   Without resourceSelectors an OverridePolicy applies to every object of its namespace, and a ClusterOverridePolicy to
#   every object of the fleet. An override that does not fit an object keeps that object from its clusters.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/scheduling/override-policy
#     description: Override policy
#   - ref: https://github.com/karmada-io/karmada/issues/2695
#     description: An override policy without selectors
# custom:
#   severity: warning
#   subjects:
#     - OverridePolicy.policy.karmada.io
#     - ClusterOverridePolicy.policy.karmada.io
#   fix: Select the objects that are meant in resourceSelectors.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/util/overridemanager/overridemanager.go:206
package rules["override-selects-objects"]

import data.lib.objects

violation contains {
	"field": ["spec"],
	"message": sprintf("the override has no resourceSelectors, so it applies to every object%s", [_scope]),
} if {
	not objects.suspended
	not _selects
}

_selects if count(input.object.spec.resourceSelectors) > 0

_scope := " of every namespace" if {
	input.subject == "ClusterOverridePolicy.policy.karmada.io"
} else := " of the namespace"
