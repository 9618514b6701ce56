# METADATA
# title: A control plane's certificates do not expire soon
# description: |
#   With certs.mode custom, and with an external etcd, the chart takes the certificates of the control plane from its
#   values, and nothing renews them. When one expires, the control plane's parts no longer reach each other, agents no
#   longer reach the API server, and a lost member's workloads do not move. The rule reads certificates that are in Git
#   in plain text, and reports them 30 days before they expire.
# related_resources:
#   - ref: https://karmada.io/docs/administrator/configuration/certificate-rotation/
#     description: Certificate rotation
# custom:
#   severity: warning
#   admission: never
#   subjects:
#     - HelmRelease.helm.toolkit.fluxcd.io
#   fix: Issue a new certificate and put it into the values.
#   source:
#     - karmada-io/karmada v1.18.2 charts/karmada/templates/karmada-cert.yaml:1
#     - karmada-io/karmada v1.18.2 charts/karmada/templates/karmada-cert.yaml:38
package rules["control-plane-certificate-current"]

import data.lib.certificates
import data.lib.objects

violation contains {
	"origin": credential.origin,
	"field": credential.field,
	"message": sprintf("%s %s", [path, certificates.ends(credential.certificate)]),
} if {
	plane := data.fleet.controlPlanes[concat("/", [input.apiServer, input.object.metadata.namespace, input.object.metadata.name])]
	some path, credential in plane.certificates
	not objects.suspended
}
