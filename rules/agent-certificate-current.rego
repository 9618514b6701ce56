# METADATA
# title: Agent certificates do not expire soon
# description: |
#   A client certificate from karmadactl is valid for a year. Karmada does not rotate it for an agent of the chart: the
#   rotation looks for the Secret karmada-kubeconfig, which the chart does not create. When the certificate expires, the agent
#   is lost, and with cluster failover its workloads move away. The rule reads certificates that are in Git in plain text, and
#   reports them 30 days before they expire.
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

violation contains {
	"origin": credential.origin,
	"field": credential.field,
	"message": sprintf("agent.kubeconfig.%s %s %s", [name, _when(days), credential.certificate.notAfter]),
} if {
	input.agent.reached
	not input.agent.suspended
	data.fleet.date != ""
	some name in ["caCrt", "crt"]
	credential := input.agent.credentials[name]
	days := (_day(credential.certificate.notAfter) - _day(data.fleet.date)) / 86400000000000
	days < 30
}

_day(date) := time.parse_ns("2006-01-02", date)

_when(days) := "expired on" if {
	days < 0
} else := "expires on"
