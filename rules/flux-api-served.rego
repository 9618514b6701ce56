# METADATA
# title: An object of Flux has a version of its API that the cluster's Flux serves
# description: |
#   Flux 2.7 has dropped kustomize.toolkit.fluxcd.io/v1beta1, helm.toolkit.fluxcd.io/v2beta1 and
#   source.toolkit.fluxcd.io/v1beta1, and Flux 2.8 v1beta2, v2beta2 and v1beta2 of them. An object of such a version is
#   refused, and with it all that its Kustomization applies. The version of Flux is known where the cluster's own
#   objects install it. Seen with kustomize-controller v1.9.6: "no matches for kind".
# related_resources:
#   - ref: https://fluxcd.io/flux/cmd/flux_migrate/
#     description: flux migrate
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - Bucket.source.toolkit.fluxcd.io
#     - GitRepository.source.toolkit.fluxcd.io
#     - HelmChart.source.toolkit.fluxcd.io
#     - HelmRelease.helm.toolkit.fluxcd.io
#     - HelmRepository.source.toolkit.fluxcd.io
#     - Kustomization.kustomize.toolkit.fluxcd.io
#     - OCIRepository.source.toolkit.fluxcd.io
#   fix: Run flux migrate -f . in the repository, or write the version that is served.
#   source:
#     - fluxcd/flux2 v2.7.0 manifests/bases
#     - fluxcd/flux2 v2.8.0 manifests/bases
package rules["flux-api-served"]

import data.lib.objects

violation contains {
	"field": ["apiVersion"],
	"message": sprintf("the version %s is not served by Flux %s, and %s is", [input.object.apiVersion, _version, _served[group]]),
} if {
	[group, version] := split(input.object.apiVersion, "/")
	gone := _gone[group][version]
	_minor >= gone
	not objects.suspended
}

_gone := {
	"kustomize.toolkit.fluxcd.io": {"v1beta1": 7, "v1beta2": 8},
	"helm.toolkit.fluxcd.io": {"v2beta1": 7, "v2beta2": 8},
	"source.toolkit.fluxcd.io": {"v1beta1": 7, "v1beta2": 8},
}

_served := {
	"kustomize.toolkit.fluxcd.io": "kustomize.toolkit.fluxcd.io/v1",
	"helm.toolkit.fluxcd.io": "helm.toolkit.fluxcd.io/v2",
	"source.toolkit.fluxcd.io": "source.toolkit.fluxcd.io/v1",
}

# y of Flux 2.y.
_minor := to_number(found[0][1]) if {
	found := regex.find_all_string_submatch_n(`^2\.(\d+)`, _version, 1)
	count(found) == 1
}

_version := data.fleet.clusters[input.cluster].fluxVersion
