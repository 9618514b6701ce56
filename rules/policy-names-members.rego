# METADATA
# title: A policy names only clusters that are members of the fleet
# description: |
#   Karmada accepts any name. The scheduler ignores a cluster that it does not know, and a weight or an override for it
#   never applies, without an error as long as another cluster is left. It is an error where the configuration lists the
#   members or Git shows all of them, otherwise a warning, since a member may have been joined by hand.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/scheduling/propagation-policy
#     description: Propagation policy, cluster affinity
#   - ref: https://karmada.io/docs/userguide/scheduling/override-policy
#     description: Override policy, target cluster
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#     - OverridePolicy.policy.karmada.io
#     - ClusterOverridePolicy.policy.karmada.io
#     - ClusterTaintPolicy.policy.karmada.io
#     - FederatedResourceQuota.policy.karmada.io
#     - MultiClusterService.networking.karmada.io
#     - Remedy.remedy.karmada.io
#     - ResourceRegistry.search.karmada.io
#   fix: Correct the name, or register the cluster with Karmada.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/util/selector.go:97
#     - karmada-io/karmada v1.18.2 pkg/controllers/remediation/eventhandlers.go:92
#     - karmada-io/karmada v1.18.2 pkg/search/controller.go:199
package rules["policy-names-members"]

import data.lib.members
import data.lib.objects
import data.lib.placement

violation contains {
	"field": field,
	"message": sprintf("no member cluster is called %q", [name]),
	"fix": _fix(name),
	"severity": members.severity,
	"edits": [{"field": field, "value": right} | some right in _meant(field, name)],
} if {
	not objects.suspended
	some field, name in _missing
}

_missing[field] := name if {
	some field, name in placement.names
	members.state(name) == "missing"
}

# A few wrong names are misspelt. To compare a thousand with a thousand members takes minutes, and helps nobody.
_few if count(_missing) * count(data.fleet.membership.names) <= 20000

# The name that was certainly meant, if there is one: it differs by a misspelling, and is not named beside it already.
default _meant(_, _) := set()

_meant(field, name) := {right} if {
	_few
	data.fleet.membership.certain
	right := members.misspelt(name)
	not right in _beside(_keys(field))
}

# The names in the lists that fields with these keys lead into.
_beside(keys) := {name |
	some field, name in placement.names
	_keys(field) == keys
}

_keys(field) := [step | some step in field; is_string(step)]

_fix(name) := sprintf("Correct the name to %q, or register %q with Karmada.", [members.near(name), name]) if {
	_few
	members.near(name)
} else := "Correct the name, or register the cluster with Karmada."
