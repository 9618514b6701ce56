# METADATA
# title: An object for Karmada is applied to the Karmada API server
# description: |
#   Only the Karmada API server serves these kinds. Flux sends objects to the cluster that it runs in, unless a
#   Kustomization names another one in spec.kubeConfig; on any other, Flux fails with "no matches for kind" and stops.
#   It is an error where the control plane is in Git, and otherwise a warning, since the cluster may then be Karmada's
#   own API server. Where Git has a CustomResourceDefinition of that API group for the cluster, nothing is reported.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/
#     description: Karmada
#   - ref: https://github.com/karmada-io/karmada/issues/6162
#     description: A policy sent to a member
#   - ref: https://fluxcd.io/flux/components/kustomize/kustomizations/#remote-clusters--cluster-api
#     description: spec.kubeConfig of a Flux Kustomization
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#     - OverridePolicy.policy.karmada.io
#     - ClusterOverridePolicy.policy.karmada.io
#     - ClusterTaintPolicy.policy.karmada.io
#     - FederatedResourceQuota.policy.karmada.io
#     - MultiClusterService.networking.karmada.io
#     - MultiClusterIngress.networking.karmada.io
#     - FederatedHPA.autoscaling.karmada.io
#     - CronFederatedHPA.autoscaling.karmada.io
#     - WorkloadRebalancer.apps.karmada.io
#     - ResourceInterpreterCustomization.config.karmada.io
#     - ResourceInterpreterWebhookConfiguration.config.karmada.io
#     - ResourceRegistry.search.karmada.io
#     - Remedy.remedy.karmada.io
#     - Cluster.cluster.karmada.io
#   fix: Apply the object by a Kustomization whose spec.kubeConfig leads to the Karmada API server.
#   source:
#     - karmada-io/karmada v1.18.2 charts/karmada/_crds/bases
#     - fluxcd/kustomize-controller v1.9.5 api/v1/kustomization_types.go (KubeConfig)
package rules["karmada-object-reaches-karmada"]

import data.lib.objects

violation contains {
	"field": ["kind"],
	"message": sprintf("Flux applies this %s to a cluster that does not serve the kind", [input.object.kind]),
	"severity": _severity,
} if {
	not objects.suspended
	server := data.fleet.apiServers[input.apiServer]
	server.kind == "cluster"
	data.fleet.clusters[server.cluster].declared
	not _defined
}

_severity := "error" if {
	count(data.fleet.controlPlanes) > 0
} else := "warning"

_defined if {
	some name, _ in data.fleet.objects[input.apiServer]["CustomResourceDefinition.apiextensions.k8s.io"][""]
	endswith(name, sprintf(".%s", [split(input.object.apiVersion, "/")[0]]))
}
