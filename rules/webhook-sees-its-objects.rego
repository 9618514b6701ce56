# METADATA
# title: A webhook matches objects that pass admission
# description: |
#   Clusters are served by karmada-aggregated-apiserver, which runs no admission: no webhook and no policy ever sees a
#   Cluster of cluster.karmada.io, in any operation, so a rule for Clusters protects nothing. Seen on Karmada v1.18.2:
#   neither a webhook nor a ValidatingAdmissionPolicy is called when a Cluster is created, tainted or deleted.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/security-governance/working-with-gatekeeper
#     description: Working with Gatekeeper
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - ValidatingWebhookConfiguration.admissionregistration.k8s.io
#     - MutatingWebhookConfiguration.admissionregistration.k8s.io
#   fix: Watch Clusters instead, or protect them with RBAC.
#   source:
#     - karmada-io/karmada v1.18.2 cmd/aggregated-apiserver/app/options/options.go:56
#     - karmada-io/karmada v1.18.2 artifacts/deploy/karmada-aggregated-apiserver-apiservice.yaml
package rules["webhook-sees-its-objects"]

import data.lib.objects

violation contains {
	"field": ["webhooks", i, "rules", j, "apiGroups"],
	"message": "no webhook ever sees a Cluster of \"cluster.karmada.io\", since its API server runs no admission",
} if {
	not objects.suspended
	data.fleet.apiServers[input.apiServer].kind == "karmada"
	some i, webhook in input.object.webhooks
	some j, rule in webhook.rules
	"cluster.karmada.io" in rule.apiGroups
}
