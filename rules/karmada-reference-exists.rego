# METADATA
# title: What a Karmada object refers to exists
# description: |
#   A FederatedHPA scales its target, a MultiClusterService exposes the Service of the same name, and a
#   MultiClusterIngress routes to Services. Karmada looks for each on its own API server; where it finds nothing, it
#   does nothing but write an event or a log line. A policy whose priority class does not exist propagates nothing. The
#   rule counts what Flux applies to the Karmada API server, and only where Git shows all of that.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/autoscaling/federatedhpa
#     description: FederatedHPA
#   - ref: https://karmada.io/docs/userguide/service/multi-cluster-service
#     description: MultiClusterService
# custom:
#   severity: error
#   admission: warn
#   subjects:
#     - ClusterPropagationPolicy.policy.karmada.io
#     - CronFederatedHPA.autoscaling.karmada.io
#     - FederatedHPA.autoscaling.karmada.io
#     - FederatedResourceQuota.policy.karmada.io
#     - MultiClusterIngress.networking.karmada.io
#     - MultiClusterService.networking.karmada.io
#     - PropagationPolicy.policy.karmada.io
#   fix: Correct the name, or apply what is missing to the same API server.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/controllers/federatedhpa/federatedhpa_controller.go:231
#     - karmada-io/karmada v1.18.2 pkg/controllers/cronfederatedhpa/cronfederatedhpa_job.go:105
#     - karmada-io/karmada v1.18.2 pkg/controllers/multiclusterservice/mcs_controller.go:259
#     - karmada-io/karmada v1.18.2 pkg/detector/detector.go:871
package rules["karmada-reference-exists"]

import data.lib.objects
import data.lib.placement
import data.lib.variables

violation contains {
	"field": reference.field,
	"message": sprintf("there is no %s %q%s on the Karmada API server, so %s", [split(reference.kind, ".")[0], reference.name, _where(reference), reference.so]),
	"severity": reference.severity,
} if {
	_judged
	some reference in _references
	is_string(reference.name)
	reference.name != ""
	not variables.stand_in([reference.name, reference.kind, reference.namespace])
	not _found(reference.kind, reference.namespace, reference.name)
	not _may_be(reference.kind)
}

_judged if {
	not objects.suspended
	data.fleet.apiServers[input.apiServer].kind == "karmada"
	data.fleet.apiServers[input.apiServer].complete
}

_where(reference) := sprintf(" in namespace %q", [reference.namespace]) if {
	reference.namespace != ""
} else := ""

_namespace := namespace if {
	namespace := input.object.metadata.namespace
	namespace != ""
} else := "default"

_found(kind, namespace, name) if data.fleet.objects[input.apiServer][kind][namespace][name]

_found(kind, "default", name) if data.fleet.objects[input.apiServer][kind][""][name]

# One with a variable in its name may be the one.
_may_be(kind) if {
	some namespace, names in data.fleet.objects[input.apiServer][kind]
	some name, _ in names
	contains(sprintf("%s/%s", [namespace, name]), "${")
}

_references contains {
	"field": ["spec", "scaleTargetRef", "name"],
	"kind": objects.group_kind(object.get(target, "apiVersion", ""), target.kind),
	"namespace": _namespace,
	"name": target.name,
	"so": "nothing is scaled",
	"severity": "error",
} if {
	input.object.kind in {"FederatedHPA", "CronFederatedHPA"}
	target := input.object.spec.scaleTargetRef
	not variables.stand_in(target)
}

_references contains {
	"field": ["metadata", "name"],
	"kind": "Service",
	"namespace": _namespace,
	"name": input.object.metadata.name,
	"so": "nothing is reachable from other clusters",
	"severity": "error",
} if {
	input.object.kind == "MultiClusterService"
}

# A Service of a MultiClusterService is called derived-NAME on the clusters that take it.
_references contains {
	"field": field,
	"kind": "Service",
	"namespace": _namespace,
	"name": trim_prefix(service.name, "derived-"),
	"so": "the ingress leads nowhere",
	"severity": "warning",
} if {
	input.object.kind == "MultiClusterIngress"
	some [field, service] in _backends
}

_backends contains [["spec", "defaultBackend", "service", "name"], input.object.spec.defaultBackend.service]

_backends contains [["spec", "rules", i, "http", "paths", j, "backend", "service", "name"], service] if {
	some i, rule in input.object.spec.rules
	some j, path in rule.http.paths
	service := path.backend.service
}

_references contains {
	"field": ["spec", "schedulePriority", "priorityClassName"],
	"kind": "PriorityClass.scheduling.k8s.io",
	"namespace": "",
	"name": priority.priorityClassName,
	"so": "nothing of the policy is propagated",
	"severity": "warning",
} if {
	priority := input.object.spec.schedulePriority
	priority.priorityClassSource == "KubePriorityClass"
	not startswith(priority.priorityClassName, "system-")
}

_references contains {
	"field": ["metadata", "namespace"],
	"kind": "Namespace",
	"namespace": "",
	"name": _namespace,
	"so": "the quota cannot be applied",
	"severity": "warning",
} if {
	input.object.kind == "FederatedResourceQuota"
	not _namespace in {"default", "karmada-system", "karmada-cluster"}
	not startswith(_namespace, "kube-")
}

violation contains {
	"field": ["spec", "providerClusters", i, "name"],
	"message": sprintf("no policy places the pods of Service %q on %q, so that cluster provides nothing", [input.object.metadata.name, provider.name]),
	"fix": "Remove the provider cluster, or place the pods of the Service on it.",
	"severity": "warning",
} if {
	_judged
	input.object.kind == "MultiClusterService"
	some i, provider in input.object.spec.providerClusters
	not variables.stand_in(provider.name)
	not provider.name in _placed
}

# The clusters that the pods behind the Service go to, where every policy that places them names its clusters.
_placed := union({_candidates(claim) | some workload in _workloads; some claim in _claims(workload)}) if {
	count(_workloads) > 0
	every workload in _workloads {
		count(_claims(workload)) > 0
		every claim in _claims(workload) {
			_candidates(claim)
		}
	}
}

_workloads contains [kind, namespace, name] if {
	some service_namespace in _namespaces
	selector := data.fleet.objects[input.apiServer].Service[service_namespace][input.object.metadata.name].object.spec.selector
	count(selector) > 0
	some kind in ["Deployment.apps", "StatefulSet.apps", "DaemonSet.apps", "ReplicaSet.apps"]
	some namespace in _namespaces
	some name, workload in data.fleet.objects[input.apiServer][kind][namespace]
	every key, value in selector {
		workload.object.spec.template.metadata.labels[key] == value
	}
}

# An object without a namespace is created in default.
_namespaces := {_namespace} | {"" | _namespace == "default"}

_claims([kind, namespace, name]) := claims if {
	claims := data.fleet.claims[input.apiServer][kind][namespace][name]
} else := []

_candidates(claim) := placement.candidates_of(policy.object.spec.placement) if {
	policy := data.fleet.objects[input.apiServer][sprintf("%s.policy.karmada.io", [claim.kind])][claim.namespace][claim.name]
}
