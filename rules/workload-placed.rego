# METADATA
# title: A workload on Karmada's API server is placed by a policy
# description: |
#   Karmada's API server runs nothing itself. A workload, or an object of Flux that brings some, that no policy selects
#   stays there as a template, without an error and without a pod.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/scheduling/propagation-policy
#     description: Propagation policy
# custom:
#   severity: warning
#   subjects:
#     - Deployment.apps
#     - StatefulSet.apps
#     - DaemonSet.apps
#     - Job.batch
#     - CronJob.batch
#     - HelmRelease.helm.toolkit.fluxcd.io
#   fix: Select it in a PropagationPolicy of its namespace, or in a ClusterPropagationPolicy.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/detector/detector.go:245
package rules["workload-placed"]

import data.lib.objects
import data.lib.policies

violation contains {
	"field": ["metadata", "name"],
	"message": sprintf("no policy selects %s %q, so Karmada brings it to no member", [input.object.kind, input.object.metadata.name]),
} if {
	not objects.suspended
	server := data.fleet.apiServers[input.apiServer]
	server.kind == "karmada"
	server.complete
	not data.fleet.claims[input.apiServer][input.subject][_namespace][input.object.metadata.name]
	not policies.open(input.apiServer, _namespace) # which says itself what is wrong with it
}

default _namespace := ""

_namespace := input.object.metadata.namespace
