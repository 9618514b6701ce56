# METADATA
# title: An agent's certificate is valid for a while yet
# description: |
#   A client certificate of karmadactl is valid for a year. The chart's agent cannot have Karmada rotate it: the rotation
#   looks for the Secret karmada-kubeconfig, which the chart does not make. When it expires the agent is gone, and with
#   cluster failover its workloads with it. The rule reads certificates that are in Git in the clear, and says so 30 days
#   before the end.
# related_resources:
#   - ref: https://karmada.io/docs/administrator/configuration/certificate-rotation/
#     description: Certificate rotation
# custom:
#   severity: warning
#   admission: never
#   subjects:
#     - Agent
#   fix: Make a new certificate and put it into the Secret.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/karmadactl/register/register.go:113
#     - karmada-io/karmada v1.18.2 pkg/controllers/certificate/cert_rotation_controller.go:61
package rules["agent-certificate-current"]

violation contains {
	"origin": credential.origin,
	"field": credential.field,
	"message": sprintf("agent.kubeconfig.%s %s %s; a new one would be made before", [name, _when(days), credential.certificate.notAfter]),
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
