# METADATA
# title: A policy selects objects of its own namespace
# description: |
#   A PropagationPolicy or OverridePolicy applies only to objects in its own namespace. From Karmada 1.17 on the webhook
#   refuses a selector with another namespace; older versions accept it, and it selects nothing. A
#   ClusterPropagationPolicy or ClusterOverridePolicy may select in all of them.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/scheduling/propagation-policy
#     description: Propagation policy
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - OverridePolicy.policy.karmada.io
#   fix: Move the policy into the namespace of the objects, or use the cluster-wide kind.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/util/validation/validation.go:64
package rules["selector-in-own-namespace"]

import data.lib.objects

violation contains {
	"field": ["spec", "resourceSelectors", i, "namespace"],
	"message": sprintf("the policy is in namespace %q and selects objects in namespace %q, where it has no effect", [_namespace, selector.namespace]),
} if {
	not objects.suspended
	some i, selector in input.object.spec.resourceSelectors
	not selector.namespace in {"", _namespace}
	not contains(selector.namespace, "$")
	not contains(_namespace, "$")
}

# An object without a namespace is created in default.
_namespace := namespace if {
	namespace := input.object.metadata.namespace
	namespace != ""
} else := "default"
