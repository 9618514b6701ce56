# METADATA
# title: An agent has a certificate of its own and not the administrator's
# description: |
#   The kubeconfig that the karmada chart makes belongs to system:admin in the group system:masters. An agent with that
#   certificate makes every member an administrator of the whole fleet. One for an agent is in the group
#   system:karmada:agents, with the name system:karmada:agent:<cluster>, as karmadactl register makes it. The rule reads
#   certificates that are in Git in the clear.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/clustermanager/cluster-registration
#     description: Cluster registration
# custom:
#   severity: warning
#   subjects:
#     - Agent
#   fix: Make a certificate for the agent, and the RBAC that karmadactl register makes for it.
#   source:
#     - karmada-io/karmada v1.18.2 charts/karmada/templates/pre-install-job.yaml:446
#     - karmada-io/karmada v1.18.2 pkg/karmadactl/register/register.go:87
package rules["agent-certificate-own"]

violation contains {
	"origin": credential.origin,
	"field": credential.field,
	"message": "the agent's certificate is in the group system:masters, which makes this member an administrator of Karmada; it would be in system:karmada:agents",
} if {
	input.agent.reached
	not input.agent.suspended
	credential := input.agent.credentials.crt
	"system:masters" in credential.certificate.organization
}
