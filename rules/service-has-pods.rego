# METADATA
# title: A Service selects pods that Git has
# description: |
#   A Service whose selector matches no pod has no endpoints, and whoever calls it is refused. Often the labels of the
#   pods were renamed, or the Service was copied. Said is it only where Git shows all pods of the namespace: no chart is
#   installed there, and no controller that is not known may make some.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/services-networking/service/#services-in-kubernetes
#     description: Service, selector
# custom:
#   severity: warning
#   subjects:
#     - Service
#   fix: Let the selector ask for the labels of the pods.
#   source:
#     - kubernetes/kubernetes v1.35.4 pkg/controller/endpointslice/endpointslice_controller.go:410
package rules["service-has-pods"]

import data.lib.references
import data.lib.variables

violation contains {
	"field": ["spec", "selector"],
	"message": sprintf("the selector of Service %q matches no pod in namespace %q", [input.object.metadata.name, references.namespace]),
} if {
	references.judged
	count(input.object.spec.selector) > 0
	object.get(input.object.spec, "type", "") != "ExternalName"
	not variables.stand_in(input.object.spec.selector)
	references.complete
	not references.open_to_pods(references.namespace)
	not _custom_workload
	count(_pods) > 0
	every pod in _pods {
		not variables.stand_in(pod)
		not _selected(pod)
	}
}

_selected(labels) if {
	every key, value in input.object.spec.selector {
		labels[key] == value
	}
}

# The labels of the pods in the namespace.
_pods contains object.get(template, ["metadata", "labels"], {}) if {
	some kind in ["Deployment.apps", "StatefulSet.apps", "DaemonSet.apps", "ReplicaSet.apps", "Job.batch"]
	some workload in data.fleet.objects[input.apiServer][kind][references.namespace]
	template := workload.object.spec.template
}

_pods contains object.get(cron.object.spec.jobTemplate.spec.template, ["metadata", "labels"], {}) if {
	some cron in data.fleet.objects[input.apiServer]["CronJob.batch"][references.namespace]
}

_pods contains object.get(pod.object, ["metadata", "labels"], {}) if {
	some pod in data.fleet.objects[input.apiServer].Pod[references.namespace]
}

# Any other kind in the namespace with a pod in it, or with a selector of pods, may bring them.
_custom_workload if {
	some kind, namespaces in data.fleet.objects[input.apiServer]
	contains(kind, ".")
	not _plain_group(kind)
	count(namespaces[references.namespace]) > 0
}

_plain_group(kind) if {
	some group in _quiet
	endswith(kind, group)
}

_quiet := {
	".apps", ".batch", ".k8s.io", ".autoscaling", ".policy", ".toolkit.fluxcd.io", ".external-secrets.io", ".bitnami.com",
	".cert-manager.io", ".karmada.io", ".traefik.io", ".traefik.containo.us",
	"ServiceMonitor.monitoring.coreos.com", "PodMonitor.monitoring.coreos.com", "PrometheusRule.monitoring.coreos.com",
}
