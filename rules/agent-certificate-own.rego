# METADATA
# title: An agent does not use the administrator's certificate
# description: |
#   The kubeconfig that the karmada chart creates belongs to system:admin in the group system:masters. An agent with
#   that certificate makes its member an administrator of the whole fleet. karmadactl register issues an agent a
#   certificate in the group system:karmada:agents, with the name system:karmada:agent:<cluster>. The rule reads
#   certificates that are in Git in plain text.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/clustermanager/cluster-registration
#     description: Cluster registration
# custom:
#   severity: warning
#   subjects:
#     - Agent
#   fix: Issue the agent a certificate in the group system:karmada:agents, with the RBAC that karmadactl register creates.
#   source:
#     - karmada-io/karmada v1.18.2 charts/karmada/templates/pre-install-job.yaml:446
#     - karmada-io/karmada v1.18.2 pkg/karmadactl/register/register.go:87
package rules["agent-certificate-own"]

violation contains {
	"origin": credential.origin,
	"field": credential.field,
	"message": "the agent's certificate is in the group \"system:masters\", which makes this member an administrator of Karmada",
} if {
	input.agent.reached
	not input.agent.suspended
	credential := input.agent.credentials.crt
	"system:masters" in credential.certificate.organization
}
