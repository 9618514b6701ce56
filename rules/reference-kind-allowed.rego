# METADATA
# title: A reference of a Flux object is of a kind that its field takes
# description: |
#   The API server refuses an object of Flux that names a source of another kind than its field takes, or none, and with
#   it nothing of the Kustomization is applied that brings it. A chart in an OCIRepository goes to spec.chartRef, one in
#   a HelmRepository, GitRepository or Bucket to spec.chart, and a HelmRelease has one of the two.
# related_resources:
#   - ref: https://fluxcd.io/flux/components/helm/helmreleases/#chart-reference
#     description: HelmRelease, chart reference
#   - ref: https://fluxcd.io/flux/components/kustomize/kustomizations/#source-reference
#     description: Kustomization, source reference
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - HelmChart.source.toolkit.fluxcd.io
#     - HelmRelease.helm.toolkit.fluxcd.io
#     - ImageUpdateAutomation.image.toolkit.fluxcd.io
#     - Kustomization.kustomize.toolkit.fluxcd.io
#   fix: Name an object of a kind that the field takes.
#   source:
#     - fluxcd/helm-controller api/v1.6.4 v2/reference_types.go:29
#     - fluxcd/helm-controller api/v1.6.4 v2/helmrelease_types.go:46
#     - fluxcd/kustomize-controller api/v1.9.6 v1/reference_types.go:33
#     - fluxcd/source-controller api/v1.9.6 v1/helmchart_types.go:109
package rules["reference-kind-allowed"]

import data.lib.references
import data.lib.variables

violation contains {
	"field": array.concat(field, ["kind"]),
	"message": sprintf("%s takes %s, and not %q", [_path(field), _listed(kinds), ref.kind]),
	"fix": _fix(field, kinds, ref.kind),
} if {
	some [field, kinds, ref] in _references
	not ref.kind in kinds
	not variables.stand_in(ref.kind)
	_judged
}

violation contains {
	"field": field,
	"message": sprintf("%s names no %s", [_path(field), object.get(ref, "kind", "object")]),
} if {
	some [field, _, ref] in _references
	object.get(ref, "name", "") == ""
	_judged
}

violation contains {
	"field": ["spec", "chartRef"],
	"message": "the HelmRelease has both spec.chart and spec.chartRef, and Flux takes one",
} if {
	input.object.kind == "HelmRelease"
	is_object(input.object.spec.chart)
	is_object(input.object.spec.chartRef)
	_judged
}

_judged if {
	references.judged
	not references.patches_unknown
}

_listed(kinds) := kinds[0] if {
	count(kinds) == 1
} else := concat(" or ", [concat(", ", array.slice(kinds, 0, count(kinds) - 1)), kinds[count(kinds) - 1]])

_path(field) := concat(".", [sprintf("%v", [step]) | some step in field])

_fix(["spec", "chart", "spec", "sourceRef"], _, kind) := sprintf("Name the %s in spec.chartRef, in the place of spec.chart.", [kind]) if {
	kind in _charts
} else := "Name a HelmRepository, GitRepository or Bucket."

_fix(["spec", "chartRef"], _, kind) := sprintf("Name the %s in spec.chart.spec.sourceRef, in the place of spec.chartRef.", [kind]) if {
	kind in _sources.HelmChart
} else := "Name an OCIRepository, HelmChart or ExternalArtifact."

_fix(field, kinds, _) := sprintf("Name an object of the kind %s.", [_listed(kinds)]) if not field[1] in {"chart", "chartRef"}

_references contains [["spec", "sourceRef"], _sources[input.object.kind], input.object.spec.sourceRef]

_references contains [["spec", "chart", "spec", "sourceRef"], _sources.HelmChart, input.object.spec.chart.spec.sourceRef]

_references contains [["spec", "chartRef"], _charts, input.object.spec.chartRef]

_references contains [["spec", "valuesFrom", i], _config, ref] if some i, ref in input.object.spec.valuesFrom

_references contains [["spec", "postBuild", "substituteFrom", i], _config, ref] if some i, ref in input.object.spec.postBuild.substituteFrom

_charts := ["OCIRepository", "HelmChart", "ExternalArtifact"]

_config := ["Secret", "ConfigMap"]

_sources := {
	"HelmChart": ["HelmRepository", "GitRepository", "Bucket"],
	"ImageUpdateAutomation": ["GitRepository"],
	"Kustomization": ["OCIRepository", "GitRepository", "Bucket", "ExternalArtifact"],
}
