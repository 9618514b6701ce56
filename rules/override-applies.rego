# METADATA
# title: An override can be applied to what it selects
# description: |
#   Karmada applies the overriders of a policy to a copy of the object for each cluster, as JSON patches. One that
#   cannot be applied stops the whole copy: the object does not reach that cluster, or stays there as it was. To add a
#   map or a list where there is one already replaces all of it. The rule checks the objects in Git, and reports no
#   missing field that the API server may fill in.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/scheduling/override-policy
#     description: Override policy
#   - ref: https://datatracker.ietf.org/doc/html/rfc6902
#     description: JSON Patch
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - OverridePolicy.policy.karmada.io
#     - ClusterOverridePolicy.policy.karmada.io
#   fix: Correct the overrider so that it matches the object; add a map or a list only where there is none.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/util/overridemanager/overridemanager.go:336
#     - karmada-io/karmada v1.18.2 pkg/controllers/binding/common.go:109
#     - evanphx/json-patch v5.9.11 v5/patch.go
package rules["override-applies"]

import data.lib.objects

violation contains {
	"field": effect.field,
	"message": sprintf("the override %s %s %q: %s", [_comes_to[effect.effect], _kind(effect), effect.object.name, effect.message]),
	"severity": _severities[effect.effect],
	"related": [{"message": "the object", "origin": effect.object.origin} | effect.object.origin.file != ""],
} if {
	not objects.suspended
	some effect in input.overrides
}

_comes_to := {"fails": "cannot be applied to", "wipes": "removes more than it names from", "idle": "changes nothing in"}

_severities := {"fails": "error", "wipes": "warning", "idle": "warning"}

_kind(effect) := split(effect.object.kind, ".")[0]
