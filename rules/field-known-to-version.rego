# METADATA
# title: A policy uses no field that is newer than its Karmada
# description: |
#   The API server refuses a field that its schema does not have when Flux applies the policy, and drops it when kubectl
#   does. failover.cluster came with Karmada 1.15, workloadAffinity with 1.17, overflowAffinities with 1.18, and the
#   kind ClusterTaintPolicy with 1.14.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/scheduling/propagation-policy
#     description: Propagation policy
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#     - ClusterTaintPolicy.policy.karmada.io
#   fix: Remove the field, or upgrade Karmada.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/apis/policy/v1alpha1/propagation_types.go:528
#     - karmada-io/karmada v1.18.2 pkg/apis/policy/v1alpha1/propagation_types.go:614
#     - karmada-io/karmada v1.18.2 pkg/apis/policy/v1alpha1/clustertaint_types.go
#     - karmada-io/karmada v1.15.0 pkg/apis/policy/v1alpha1/propagation_types.go (FailoverBehavior.Cluster)
package rules["field-known-to-version"]

import data.lib.karmada
import data.lib.objects

violation contains {
	"field": field,
	"message": sprintf("%s exists from Karmada 1.%d on, and this control plane is 1.%d", [_name(field), minor, karmada.minor]),
	"related": [{"message": "the control plane", "origin": origin} | origin := karmada.control_plane.origin],
} if {
	not objects.suspended
	some field, minor in _since
	karmada.minor < minor
}

# What the schemas tell, from 1.16 on; what is older than they are follows.
_since[invalid.field] := invalid.since if {
	some invalid in input.invalid
	invalid.problem == "newer-field"
}

_since[["spec", "failover", "cluster"]] := 15 if input.object.spec.failover.cluster

_since[["spec", "placement", "workloadAffinity"]] := 17 if input.object.spec.placement.workloadAffinity

_since[["spec", "placement", "clusterAffinities", i, "overflowAffinities"]] := 18 if {
	some i, affinity in input.object.spec.placement.clusterAffinities
	affinity.overflowAffinities
}

_since[["kind"]] := 14 if input.object.kind == "ClusterTaintPolicy"

_name(["kind"]) := "the kind \"ClusterTaintPolicy\""

_name(["spec", "placement", "clusterAffinities", _, name]) := sprintf("%q", [name])

_name(["spec", parent, name]) := sprintf("\"%s.%s\"", [parent, name])
