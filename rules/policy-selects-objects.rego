# METADATA
# title: A policy selects objects that exist
# description: |
#   A policy that selects nothing does nothing, without an error: a misspelt name, the API version of another group or
#   an older one than Karmada sees the objects in (autoscaling/v1 for autoscaling/v2), labels that no object has, or
#   objects in another namespace. The rule counts what Flux applies to the policy's own API server, and only where Git
#   shows all of that. It is a warning, since objects may come from elsewhere, by hand or from another repository.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/scheduling/propagation-policy
#     description: Propagation policy
#   - ref: https://github.com/karmada-io/karmada/issues/4650
#     description: A wrong API version in a policy
#   - ref: https://github.com/karmada-io/karmada/issues/3359
#     description: A policy in another namespace
# custom:
#   severity: warning
#   admission: never
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#     - OverridePolicy.policy.karmada.io
#     - ClusterOverridePolicy.policy.karmada.io
#   fix: Correct the selector, or apply the objects to the same API server.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/util/selector.go:50
package rules["policy-selects-objects"]

import data.lib.objects

violation contains {
	"field": _at(i, selection),
	"message": sprintf("%s on this API server, so %s", [_none(selection, input.object.spec.resourceSelectors[i]), _outcome]),
	"fix": _fix(selection),
} if {
	not objects.suspended
	data.fleet.apiServers[input.apiServer].kind == "karmada"
	some i, selection in input.policy.selections
	selection.state == "missing"
}

_at(i, selection) := ["spec", "resourceSelectors", i, "apiVersion"] if {
	count(selection.elsewhere) > 0
} else := objects.selector_field(i)

_none(selection, selector) := sprintf("there is no %s %q%s", [split(selection.kind, ".")[0], selector.name, _where(selector)]) if {
	selection.by == "name"
}

_none(selection, selector) := sprintf("there is no %s with these labels%s", [split(selection.kind, ".")[0], _where(selector)]) if {
	selection.by == "labels"
}

_none(selection, selector) := sprintf("there is no %s%s", [split(selection.kind, ".")[0], _where(selector)]) if {
	selection.by == "kind"
}

_where(selector) := sprintf(" in namespace %q", [selector.namespace]) if {
	object.get(selector, "namespace", "") != ""
} else := sprintf(" in namespace %q", [object.get(input.object.metadata, "namespace", "default")]) if {
	not startswith(input.object.kind, "Cluster")
} else := ""

_outcome := "the override applies to nothing" if {
	contains(input.object.kind, "Override")
} else := "the policy places nothing"

_fix(selection) := sprintf("Correct the apiVersion to %s, which an object of this name has.", [concat(" or ", selection.elsewhere)]) if {
	count(selection.elsewhere) > 0
} else := "Correct the selector, or apply the objects to the same API server."
