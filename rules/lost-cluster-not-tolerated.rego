# METADATA
# title: A policy that means failover does not tolerate a lost cluster for ever
# description: |
#   A toleration without tolerationSeconds for the taint of a lost cluster keeps the workload there for ever: cluster
#   failover then never moves it. The first toleration that fits a taint counts, and a taint that none fits moves the
#   workload at once. The rule judges policies with spec.failover.cluster, by the taints that each of the fleet's
#   ClusterTaintPolicies adds.
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

import data.lib.karmada
import data.lib.objects
import data.lib.variables

violation contains {
	"field": ["spec", "placement", "clusterTolerations", i, _telling(toleration)],
	"message": sprintf("the taint %q of a lost cluster is tolerated for ever, so nothing moves; tolerationSeconds would say how long", [min(keys)]),
} if {
	not objects.suspended
	is_object(input.object.spec.failover.cluster)
	not variables.stand_in(input.object.spec.placement.clusterTolerations)
	some i, toleration in input.object.spec.placement.clusterTolerations
	keys := {taint.key | some taints in karmada.taints; _kept(taints); some taint in taints; _first(taint) == i}
	count(keys) > 0
}

# All taints of one ClusterTaintPolicy are tolerated, and none for a time only.
_kept(taints) if {
	not variables.stand_in(taints)
	every taint in taints {
		object.get(input.object.spec.placement.clusterTolerations[_first(taint)], "tolerationSeconds", null) == null
	}
}

# The toleration that Karmada takes for a taint.
_first(taint) := min([i | some i, toleration in input.object.spec.placement.clusterTolerations; _tolerates(toleration, taint)])

_telling(toleration) := "key" if {
	object.get(toleration, "key", "") != ""
} else := "operator"

_tolerates(toleration, taint) if {
	object.get(toleration, "effect", "") in {"", "NoExecute"}
	object.get(toleration, "key", "") in {"", taint.key}
	_same_value(toleration, taint)
}

_same_value(toleration, _) if toleration.operator == "Exists"

_same_value(toleration, taint) if {
	object.get(toleration, "operator", "Equal") in {"", "Equal"}
	object.get(toleration, "value", "") == object.get(taint, "value", "")
}
