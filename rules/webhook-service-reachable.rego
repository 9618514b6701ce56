# METADATA
# title: The Karmada API server reaches a webhook's Service
# description: |
#   The Karmada API server looks clientConfig.service up among the Services that it stores itself, and those have no
#   pods: only a Service of type ExternalName leads anywhere. The usual way is clientConfig.url with a name that the API
#   server's pod can resolve in its host cluster. Seen on Karmada v1.18.2: a Service with an address fails with "network
#   is unreachable", a missing one with "not found", and one of type ExternalName is called.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/security-governance/working-with-gatekeeper
#     description: Working with Gatekeeper
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - ValidatingWebhookConfiguration.admissionregistration.k8s.io
#     - MutatingWebhookConfiguration.admissionregistration.k8s.io
#   fix: Use clientConfig.url, or apply a Service of type ExternalName to the Karmada API server.
#   source:
#     - karmada-io/karmada v1.18.2 artifacts/deploy/webhook-configuration.yaml
#     - kubernetes/kubernetes v1.35.4 staging/src/k8s.io/apiserver/pkg/util/proxy/proxy.go (ResolveCluster)
package rules["webhook-service-reachable"]

import data.lib.objects
import data.lib.variables

violation contains {
	"field": ["webhooks", i, "clientConfig", "service"],
	"message": sprintf("the Karmada API server %s \"%s/%s\", so it cannot call the webhook", [problem, service.namespace, service.name]),
} if {
	not objects.suspended
	data.fleet.apiServers[input.apiServer].kind == "karmada"
	some i, webhook in input.object.webhooks
	service := webhook.clientConfig.service
	not variables.stand_in(service)
	problem := _problem(service)
}

_problem(service) := "routes nothing to Service" if {
	found := data.fleet.objects[input.apiServer].Service[service.namespace][service.name]
	type := object.get(found.object.spec, "type", "ClusterIP")
	type != "ExternalName"
	not variables.stand_in(type)
} else := "has no Service" if {
	data.fleet.apiServers[input.apiServer].complete
	not data.fleet.objects[input.apiServer].Service[service.namespace][service.name]
}
