# METADATA
# title: A Service is on the clusters that its workload fails over to
# description: |
#   Application failover moves the workload and its ConfigMaps and Secrets. A Service is not a dependency: it stays
#   on the clusters that its own policy selected, and the moved pods have none. That is no problem where the Service
#   is on every cluster that the workload may move to, as with static weights, or where another policy places it
#   there. Seen on Karmada v1.18.2.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/failover/application-failover
#     description: Application-level failover
#   - ref: https://github.com/karmada-io/karmada/issues/4285
#     description: The Service stays behind
# custom:
#   severity: warning
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#   fix: Place the Service on all clusters that the workload may move to, by a policy of its own.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/dependenciesdistributor/dependencies_distributor.go
#     - karmada-io/karmada v1.18.2 pkg/scheduler/core/spreadconstraint/select_clusters.go:57
package rules["service-follows-failover"]

import data.lib.objects
import data.lib.placement
import data.lib.workloads

violation contains {
	"field": ["spec", "failover", "application"],
	"message": sprintf("Service %q does not move with its pods on failover, and %s", [service.name, why]),
	"related": [{"message": "the Service", "origin": service.origin}],
} if {
	not objects.suspended
	is_object(input.object.spec.failover.application)
	some service in _services
	why := _elsewhere(service)
}

# The Services whose selector chooses the pods of a selected workload.
_services contains service if {
	some selection in input.policy.selections
	workloads.divisible(selection.kind)
	some selected in selection.objects
	pods := _pods(selected)
	some service in data.fleet.objects[input.apiServer].Service[selected.namespace]
	count(service.object.spec.selector) > 0
	every key, value in service.object.spec.selector {
		pods[key] == value
	}
}

_pods(selected) := labels if {
	labels := data.fleet.objects[input.apiServer][selected.kind][selected.namespace][selected.name].object.spec.template.metadata.labels
} else := {}

_claims(service) := claims if {
	claims := data.fleet.claims[input.apiServer].Service[service.namespace][service.name]
} else := []

_elsewhere(service) := "no policy places it" if {
	count(_claims(service)) == 0
	data.fleet.apiServers[input.apiServer].complete
	not data.fleet.objects[input.apiServer]["MultiClusterService.networking.karmada.io"][service.namespace][service.name]
} else := "this policy places it on some of the clusters only" if {
	some claim in _claims(service)
	claim.policy == input.policy.id
	count(_claims(service)) == 1
	_narrow
} else := sprintf("%q places it on other clusters", [claim.name]) if {
	some claim in _claims(service)
	count(_claims(service)) == 1
	claim.policy != input.policy.id
	other := data.fleet.objects[input.apiServer][sprintf("%s.policy.karmada.io", [claim.kind])][claim.namespace][claim.name]
	count(placement.candidates - placement.candidates_of(other.object.spec.placement)) > 0
}

# One entry of clusterAffinities at a time, or fewer clusters than there are candidates.
_narrow if placement.few

_narrow if count(input.object.spec.placement.clusterAffinities) > 1
