# METADATA
# title: What a policy divides has replicas
# description: |
#   Karmada divides replicas. An object without any, such as a HelmRelease, goes to every cluster that the placement
#   selects, whatever replicaScheduling says: what was meant for one cluster at a time runs on all of them. One cluster
#   at a time takes an entry of clusterAffinities for each, or a spread constraint with maxGroups.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/scheduling/propagation-policy
#     description: Propagation policy
# custom:
#   severity: warning
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#   fix: Remove spec.placement.replicaScheduling, and give each cluster an entry of clusterAffinities for one cluster at a time.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/scheduler/core/common.go:68
#     - karmada-io/karmada v1.18.2 pkg/scheduler/core/assignment.go
package rules["divided-has-replicas"]

import data.lib.objects
import data.lib.placement
import data.lib.variables

violation contains {
	"field": ["spec", "placement", "replicaScheduling", "replicaSchedulingType"],
	"message": sprintf("%s %q has no replicas to divide, so it goes to every cluster that the placement selects", [_short(first.kind), first.name]),
	"severity": _severity(first),
	"related": [{"message": "the object", "origin": first.origin}],
} if {
	not objects.suspended
	input.object.spec.placement.replicaScheduling.replicaSchedulingType == "Divided"
	not variables.stand_in(input.object.spec.placement)
	_several
	count(input.policy.workloads) == 1
	input.policy.workloads[0].kind == ""
	every selection in input.policy.selections {
		selection.state == "found"
	}
	first := min({{"kind": o.kind, "name": o.name, "origin": o.origin} |
		some selection in input.policy.selections
		some o in selection.objects
	})
}

# A placement that may select more than one cluster at a time.
default _several := false

_several if {
	not _one
	some term in placement.terms
	_most(term) > 1
}

_several if {
	not _one
	count(placement.terms) == 0
}

_most(term) := count(term.names) if {
	term.plain
} else := 2

_one if {
	some constraint in input.object.spec.placement.spreadConstraints
	placement.spreads_by(constraint) == "cluster"
	constraint.maxGroups == 1
}

# Flux runs what these bring, on each cluster.
_severity(o) := "error" if {
	o.kind in {"HelmRelease.helm.toolkit.fluxcd.io", "Kustomization.kustomize.toolkit.fluxcd.io"}
} else := "warning"

_short(kind) := split(kind, ".")[0]
