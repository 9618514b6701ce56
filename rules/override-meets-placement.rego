# METADATA
# title: An override targets clusters that its objects are placed on
# description: |
#   An override applies to the copies on its target clusters. Where no policy places the selected objects on any of
#   them, it never applies, without an error.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/scheduling/override-policy
#     description: Override policy
# custom:
#   severity: warning
#   subjects:
#     - OverridePolicy.policy.karmada.io
#     - ClusterOverridePolicy.policy.karmada.io
#   fix: Name clusters that the objects are placed on, or place the objects there.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/util/overridemanager/overridemanager.go:204
#     - karmada-io/karmada v1.18.2 pkg/util/selector.go:97
package rules["override-meets-placement"]

import data.lib.objects
import data.lib.placement

violation contains {
	"field": array.concat(field, ["clusterNames"]),
	"message": sprintf("no policy places the selected objects on %s, so the override never applies", [_quoted(placement.included(target))]),
} if {
	not objects.suspended
	some field, target in _targets
	placement.by_name(target)
	count(placement.included(target)) > 0
	count(_placed & placement.included(target)) == 0
}

_targets[["spec", "targetCluster"]] := input.object.spec.targetCluster

_targets[["spec", "overrideRules", i, "targetCluster"]] := input.object.spec.overrideRules[i].targetCluster

_selected := [selected |
	some selection in input.policy.selections
	some selected in selection.objects
]

# All clusters that the selected objects go to, where every policy that places them names its clusters.
_placed := union({_candidates(policy) | some policy in _policies}) if {
	every selection in input.policy.selections {
		selection.state == "found"
	}
	count(_policies) > 0
	every policy in _policies {
		_candidates(policy)
	}
	every selected in _selected {
		count(_claims(selected)) > 0
		not _dependency(selected.kind)
	}
}

# A dependency is also where the workloads are that use it, and a Service where a MultiClusterService takes it.
_dependency(kind) if {
	kind in {"ConfigMap", "Secret", "PersistentVolumeClaim", "ServiceAccount"}
	some policies in ["PropagationPolicy.policy.karmada.io", "ClusterPropagationPolicy.policy.karmada.io"]
	some by_name in data.fleet.objects[input.apiServer][policies]
	some policy in by_name
	object.get(policy.object.spec, "propagateDeps", false) != false
}

_dependency("Service") if data.fleet.objects[input.apiServer]["MultiClusterService.networking.karmada.io"]

_policies contains [sprintf("%s.policy.karmada.io", [claim.kind]), claim.namespace, claim.name] if {
	some selected in _selected
	some claim in _claims(selected)
}

_candidates([kind, namespace, name]) := placement.candidates_of(data.fleet.objects[input.apiServer][kind][namespace][name].object.spec.placement)

_claims(selected) := claims if {
	claims := data.fleet.claims[input.apiServer][selected.kind][selected.namespace][selected.name]
} else := []

_quoted(names) := concat(", ", [sprintf("%q", [name]) | some name in sort(names)])
