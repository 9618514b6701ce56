# METADATA
# title: An object of Flux has only fields and types that Flux's API has
# description: |
#   Flux applies on the server's side, where a field that the CRD does not have, or a value of another type, is
#   refused, and with it all that the Kustomization applies: a number in spec.postBuild.substitute, a field at the
#   wrong depth. An object is compared with the types of Flux 2.9. Where the cluster's Flux is not known to be that or
#   older, a field that is not known is a warning, since a later one may have it. Seen with kustomize-controller v1.9.6:
#   "field not declared in schema".
# related_resources:
#   - ref: https://fluxcd.io/flux/components/
#     description: Flux's API
# custom:
#   severity: error
#   admission: never
#   subjects:
#     - Bucket.source.toolkit.fluxcd.io
#     - GitRepository.source.toolkit.fluxcd.io
#     - HelmChart.source.toolkit.fluxcd.io
#     - HelmRelease.helm.toolkit.fluxcd.io
#     - HelmRepository.source.toolkit.fluxcd.io
#     - Kustomization.kustomize.toolkit.fluxcd.io
#     - OCIRepository.source.toolkit.fluxcd.io
#   fix: Write what Flux's API has.
#   source:
#     - fluxcd/kustomize-controller v1.9.6 api/v1/kustomization_types.go
#     - fluxcd/helm-controller v1.6.5 api/v2/helmrelease_types.go
#     - fluxcd/source-controller v1.9.6 api/v1
#     - sigs.k8s.io/structured-merge-diff v6.4.0 typed/validate.go:180
package rules["flux-object-valid"]

import data.lib.objects

violation contains {
	"field": invalid.field,
	"message": sprintf("the API server refuses the %s: %s", [input.object.kind, invalid.message]),
	"fix": _fix(invalid),
	"severity": _severity(invalid.problem),
} if {
	not objects.suspended
	some invalid in input.invalid
}

_fix(invalid) := invalid.fix if {
	invalid.fix != ""
} else := "Write what Flux's API has."

_severity("type") := "error"

_severity("unknown-field") := "error" if {
	_known
} else := "warning"

# The types are those of a release that is no older than the cluster's.
_known if {
	regex.match(`^(0|1|2\.[0-9])(\.|$)`, data.fleet.clusters[input.cluster].fluxVersion)
}
