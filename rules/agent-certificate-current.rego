# METADATA
# title: Agent certificates do not expire soon
# description: |
#   A client certificate from karmadactl is valid for a year. Karmada does not rotate it for an agent of the chart: the
#   rotation looks for the Secret karmada-kubeconfig, which the chart does not create. When the certificate expires, the
#   agent is lost, and with cluster failover its workloads move away. The rule reads certificates that are in Git in
#   plain text, and reports them 30 days before they expire.
# related_resources:
#   - ref: https://karmada.io/docs/administrator/configuration/certificate-rotation/
#     description: Certificate rotation
# custom:
#   severity: warning
#   admission: never
#   subjects:
#     - Agent
#   fix: Issue a new certificate and put it into the Secret.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/karmadactl/register/register.go:113
#     - karmada-io/karmada v1.18.2 pkg/controllers/certificate/cert_rotation_controller.go:61
package rules["agent-certificate-current"]

import data.lib.certificates

violation contains {
	"origin": credential.origin,
	"field": credential.field,
	"message": sprintf("agent.kubeconfig.%s %s", [name, certificates.ends(credential.certificate)]),
} if {
	input.agent.reached
	not input.agent.suspended
	some name in ["caCrt", "crt"]
	credential := input.agent.credentials[name]
}
