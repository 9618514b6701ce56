# METADATA
# title: A policy with cluster failover does not tolerate a lost cluster forever
# description: |
#   A toleration without tolerationSeconds for the taint of a lost cluster keeps the workload there forever: cluster
#   failover never moves it. The first toleration that matches a taint counts, and a taint that none matches moves the
#   workload at once. The rule checks policies with spec.failover.cluster against the taints that the fleet's
#   ClusterTaintPolicies add.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/failover/cluster-failover
#     description: Cluster failover
# custom:
#   severity: warning
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#   fix: Set tolerationSeconds, or remove the toleration.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/controllers/cluster/taint_manager.go:181
#     - karmada-io/karmada v1.18.2 pkg/util/helper/taint.go:181
package rules["lost-cluster-not-tolerated"]

import data.lib.objects

violation contains {
	"field": ["spec", "placement", "clusterTolerations", loss.toleration, _telling(toleration)],
	"message": sprintf("the policy tolerates the taint %q of a lost cluster forever, so nothing moves", [loss.taint]),
} if {
	not objects.suspended
	is_object(input.object.spec.failover.cluster)
	some loss in input.policy.losses
	loss.state == "missing"
	toleration := input.object.spec.placement.clusterTolerations[loss.toleration]
}

_telling(toleration) := "key" if {
	object.get(toleration, "key", "") != ""
} else := "operator"
