# METADATA
# title: A webhook for all resources does not fail closed
# description: |
#   With failurePolicy Fail, the default, and a rule for all resources of all groups, a webhook that does not answer
#   stops every write to the Karmada API server: policies, Works, the agents' status, and the objects that repair it.
#   Name the groups and resources that the webhook reviews, or let it fail open. A webhook with a selector or a
#   condition is not checked.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/security-governance/working-with-gatekeeper
#     description: Working with Gatekeeper
#   - ref: https://kubernetes.io/docs/concepts/cluster-administration/admission-webhooks-good-practices/
#     description: Good practices for admission webhooks
# custom:
#   severity: warning
#   subjects:
#     - ValidatingWebhookConfiguration.admissionregistration.k8s.io
#     - MutatingWebhookConfiguration.admissionregistration.k8s.io
#   fix: Name the groups and resources in rules, or set failurePolicy to Ignore.
#   source:
#     - karmada-io/karmada v1.18.2 artifacts/deploy/webhook-configuration.yaml
package rules["webhook-fails-narrowly"]

import data.lib.objects

violation contains {
	"field": ["webhooks", i, "rules", j],
	"message": "the webhook fails closed for all resources, so the whole control plane stops when it does not answer",
} if {
	not objects.suspended
	data.fleet.apiServers[input.apiServer].kind == "karmada"
	some i, webhook in input.object.webhooks
	object.get(webhook, "failurePolicy", "Fail") == "Fail"
	every key in ["namespaceSelector", "objectSelector", "matchConditions"] {
		count(object.get(webhook, key, [])) == 0
	}
	some j, rule in webhook.rules
	"*" in rule.apiGroups
	some resource in rule.resources
	resource in {"*", "*/*"}
	some operation in rule.operations
	operation in {"*", "CREATE", "UPDATE"}
}
