# METADATA
# title: A policy that relies on cluster failover has it enabled
# description: |
#   spec.failover.cluster only says how to evict; it does not enable cluster failover. That takes all of: the feature
#   gate Failover and the flag --enable-no-execute-taint-eviction of karmada-controller-manager, a ClusterTaintPolicy
#   that puts a NoExecute taint on a cluster that is not ready, and --allow-no-execute-taint-policy of karmada-webhook,
#   which otherwise refuses such a policy. All are off by default, and nothing moves until all are on. Each
#   ClusterTaintPolicy is checked against each cluster of the policy: whether it targets the cluster, and whether the
#   loss of the cluster meets all of its addOnConditions. The condition Ready of a lost pull member is Unknown, that of
#   a push member False, and a condition that nothing sets is never met. Application failover does not replace cluster
#   failover: an agent that is gone reports no unhealthy workload.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/failover/cluster-failover
#     description: Cluster failover
#   - ref: https://github.com/karmada-io/karmada/issues/6951
#     description: Failover set in the policy alone
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#   fix: Enable in the control plane what the message names, or correct the ClusterTaintPolicy.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/features/features.go:163
#     - karmada-io/karmada v1.18.2 pkg/controllers/cluster/taint_manager.go:114
#     - karmada-io/karmada v1.18.2 cmd/webhook/app/options/options.go:96
#     - karmada-io/karmada v1.18.2 pkg/controllers/taint/clustertaintpolicy_controller.go:123
#     - karmada-io/karmada v1.18.2 pkg/controllers/applicationfailover/common.go:115
package rules["cluster-failover-armed"]

import data.lib.karmada
import data.lib.objects
import data.lib.placement

violation contains {
	"field": ["spec", "failover", "cluster"],
	"message": sprintf("cluster failover is off, since the control plane %q lacks %s", [karmada.control_plane.name, _lacking]),
	"related": _related,
} if {
	_unarmed
	is_object(input.object.spec.failover.cluster)
}

violation contains {
	"field": ["spec", "failover", "application"],
	"message": sprintf("application failover does not notice a lost cluster, and cluster failover is off, since the control plane %q lacks %s", [karmada.control_plane.name, _lacking]),
	"severity": "warning",
	"related": _related,
} if {
	_unarmed
	is_object(input.object.spec.failover.application)
	not input.object.spec.failover.cluster
	_active_passive
}

# The switches are on, and yet no taint with which Karmada evicts comes to some of the clusters.
violation contains {
	"field": ["spec", "failover", "cluster"],
	"message": sprintf("cluster failover does not start when %s is lost, since %s", [_lost(loss), loss.why]),
} if {
	not objects.suspended
	is_object(input.object.spec.failover.cluster)
	karmada.control_plane.failoverArmed.taint == "found"
	some loss in input.policy.losses
	loss.state == "missing"
	loss.toleration < 0
}

_lost(loss) := sprintf("%q", [loss.members[0]]) if {
	loss.count == 1
} else := sprintf("%q or %q", loss.members) if {
	loss.count == 2
} else := sprintf("%q or any of %d others", [loss.members[0], loss.count - 1])

_unarmed if {
	not objects.suspended
	count(karmada.control_plane.lacks) > 0
}

_lacking := concat(" and ", [concat(", ", array.slice(karmada.control_plane.lacks, 0, last)), karmada.control_plane.lacks[last]]) if {
	count(karmada.control_plane.lacks) > 1
	last := count(karmada.control_plane.lacks) - 1
} else := karmada.control_plane.lacks[0]

_active_passive if count(data.fleet.failoverOrder) > 0

_active_passive if placement.one_cluster

_active_passive if placement.static_weights

_related := [{"message": "the control plane", "origin": karmada.control_plane.origin}]
