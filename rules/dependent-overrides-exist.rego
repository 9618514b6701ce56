# METADATA
# title: The override policies that a policy waits for exist
# description: |
#   With spec.dependentOverrides Karmada propagates nothing until every one of those policies is there: OverridePolicies
#   in the policy's own namespace for a PropagationPolicy, ClusterOverridePolicies for a ClusterPropagationPolicy. A
#   wrong name blocks everything, and only the controller's log says so. Seen on Karmada v1.18.2: there
#   is no ResourceBinding until the override policy is applied.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/scheduling/propagation-policy
#     description: Propagation policy
#   - ref: https://karmada.io/docs/userguide/scheduling/override-policy
#     description: Override policy
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#   fix: Correct the name, or apply the override policy.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/detector/detector.go:1268
#     - karmada-io/karmada v1.18.2 pkg/util/helper/policy.go:47
#     - karmada-io/karmada v1.18.2 pkg/util/helper/policy.go:63
package rules["dependent-overrides-exist"]

import data.lib.objects

violation contains {
	"field": ["spec", "dependentOverrides", i],
	"message": sprintf("there is no %s %q%s, so Karmada propagates nothing of the policy", [_kind, name, _there]),
} if {
	not objects.suspended
	data.fleet.apiServers[input.apiServer].complete
	some i, name in input.object.spec.dependentOverrides
	not contains(name, "$")
	not _exists(name)
}

_kind := "ClusterOverridePolicy" if {
	input.subject == "ClusterPropagationPolicy.policy.karmada.io"
} else := "OverridePolicy"

_namespaces := {""} if {
	_kind == "ClusterOverridePolicy"
} else := {"", "default"} if {
	object.get(input.object.metadata, "namespace", "default") in {"", "default"}
} else := {input.object.metadata.namespace}

_there := sprintf(" in namespace %q", [input.object.metadata.namespace]) if {
	_kind == "OverridePolicy"
	input.object.metadata.namespace
} else := ""

_exists(name) if {
	some namespace in _namespaces
	data.fleet.objects[input.apiServer][sprintf("%s.policy.karmada.io", [_kind])][namespace][name]
}
