# METADATA
# title: The chart of a Karmada control plane or agent has a version
# description: |
#   Without spec.chart.spec.version, or with a range over minor releases, helm-controller installs the newest chart that
#   is there: an agent comes to be newer than its control plane, which Karmada does not support, at a time that nobody
#   chose. A range of patch releases, as 1.18.x, is well.
# related_resources:
#   - ref: https://fluxcd.io/flux/components/helm/helmreleases/#chart-template
#     description: HelmRelease, chart template
#   - ref: https://karmada.io/docs/administrator/upgrading/
#     description: Upgrading Karmada
# custom:
#   severity: warning
#   subjects:
#     - HelmRelease.helm.toolkit.fluxcd.io
#   fix: Set spec.chart.spec.version to one version, or to a range of its patch releases.
#   source:
#     - fluxcd/helm-controller v1.6.5 api/v2/helmrelease_types.go (HelmChartTemplateSpec.Version)
package rules["chart-version-fixed"]

violation contains {
	"field": ["spec", "chart", "spec", "version"],
	"message": sprintf("the chart of %s has %s, so the newest one is installed whenever there is one", [what, _version]),
} if {
	what := _what
	_floats
}

_what := sprintf("the Karmada agent %q", [input.object.metadata.name]) if {
	input.agent
	not input.agent.suspended
} else := sprintf("the Karmada control plane %q", [input.object.metadata.name]) if {
	input.controlPlane
}

_version := "no version" if {
	not input.object.spec.chart.spec.version
} else := sprintf("the version %q", [input.object.spec.chart.spec.version])

# A chart in a Git repository or bucket is what lies there.
_floats if {
	input.object.spec.chart.spec.sourceRef.kind == "HelmRepository"
	version := object.get(input.object.spec.chart.spec, "version", "*")
	not contains(version, "${")
	_open(trim_space(version))
}

_open(version) if version in {"", "*", "x", "X"}

_open(version) if startswith(version, ">")

_open(version) if regex.match(`^[\^~]?v?[0-9]+(\.[xX*].*)?$`, version)

_open(version) if regex.match(`^\^v?[1-9]`, version)
