# METADATA
# title: A policy names only clusters that are members of the fleet
# description: |
#   Karmada takes any name. The scheduler leaves out a cluster that it does not know, a weight or an override for it never
#   applies, and all of that without an error as long as another cluster is left. Correct the name, or register the
#   cluster. It is an error where the configuration lists the members or Git leaves no doubt about them, otherwise a
#   warning, since a member may have been joined by hand.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/scheduling/propagation-policy
#     description: Propagation policy, cluster affinity
#   - ref: https://karmada.io/docs/userguide/scheduling/override-policy
#     description: Override policy, target cluster
# custom:
#   severity: error
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#     - OverridePolicy.policy.karmada.io
#     - ClusterOverridePolicy.policy.karmada.io
#     - ClusterTaintPolicy.policy.karmada.io
#     - FederatedResourceQuota.policy.karmada.io
#     - MultiClusterService.networking.karmada.io
#   fix: Correct the name, or register the cluster with Karmada.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/util/selector.go:97
package rules["policy-names-members"]

import data.lib.members
import data.lib.objects
import data.lib.placement

violation contains {
	"field": field,
	"message": sprintf("no member cluster is called %q; %s", [name, _right(name)]),
	"severity": members.severity,
} if {
	not objects.suspended
	some field, name in placement.names
	members.state(name) == "missing"
}

_right(name) := sprintf("%q is one", [members.near(name)]) if {
	members.near(name)
} else := "name one that an agent or a Cluster object registers"
