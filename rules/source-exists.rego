# METADATA
# title: The source of a Kustomization or HelmRelease exists
# description: |
#   Flux applies nothing of a Kustomization or HelmRelease whose source it does not find, and only their status says so.
#   The source is an object of the same Flux cluster; without a namespace Flux looks in the namespace of the
#   Kustomization or HelmRelease, which a Kustomization above may have set with targetNamespace. It is a warning where
#   Git does not show all that may apply the source. Sources that nobody keeps in Git are accepted: the one that Flux
#   started from, and those that a ResourceSet, an ArtifactGenerator or a variable names.
# related_resources:
#   - ref: https://fluxcd.io/flux/components/kustomize/kustomizations/#source-reference
#     description: Kustomization, source reference
#   - ref: https://fluxcd.io/flux/components/helm/helmreleases/#chart-template
#     description: HelmRelease, chart template
# custom:
#   severity: error
#   waits: order
#   subjects:
#     - Kustomization.kustomize.toolkit.fluxcd.io
#     - HelmRelease.helm.toolkit.fluxcd.io
#     - HelmChart.source.toolkit.fluxcd.io
#     - ImageUpdateAutomation.image.toolkit.fluxcd.io
#   fix: Correct the name and namespace, or let Flux apply the source.
#   source:
#     - fluxcd/kustomize-controller v1.9.4 internal/controller/kustomization_controller.go:667
#     - fluxcd/helm-controller v1.6.3 internal/controller/helmrelease_controller.go:766
package rules["source-exists"]

import data.lib.objects
import data.lib.references

violation contains {
	"field": field,
	"message": sprintf("there is no %s %q in this Flux cluster", [kind, concat("/", [namespace, name])]),
	"fix": references.fix(input.cluster, group_kind, namespace, name),
	"severity": _severity,
} if {
	data.fleet.clusters[input.cluster].declared
	some [field, kind, namespace, name] in _sources
	group_kind := objects.group_kind("source.toolkit.fluxcd.io/v1", kind)
	name != ""
	not contains(concat("", [namespace, name]), "$")
	not data.fleet.objects[input.cluster][group_kind][namespace][name].id
	not _by_variable(group_kind)
	not references.started_from(concat("/", [kind, namespace, name]))
}

# One whose name has a variable may be the one.
_by_variable(group_kind) if {
	some namespace, sources in data.fleet.objects[input.cluster][group_kind]
	some name, _ in sources
	contains(concat("", [namespace, name]), "$")
}

# Kustomizations as Flux sees them: after their parents' patches.
_sources contains [["spec", "sourceRef", "name"], kind, namespace, name] if {
	not input.kustomization.suspended
	[kind, namespace, name] := split(input.kustomization.source, "/")
	kind in _kinds
}

_sources contains [field, ref.kind, namespace, ref.name] if {
	input.subject != "Kustomization.kustomize.toolkit.fluxcd.io"
	input.apiServer == input.cluster
	not objects.suspended
	not input.object.spec.suspend
	some [field, ref] in _references
	ref.kind in _kinds
	namespace := object.get(ref, "namespace", input.object.metadata.namespace)
}

_references contains [["spec", "chart", "spec", "sourceRef", "name"], input.object.spec.chart.spec.sourceRef]

_references contains [["spec", "chartRef", "name"], input.object.spec.chartRef]

# Of a HelmChart or an ImageUpdateAutomation.
_references contains [["spec", "sourceRef", "name"], input.object.spec.sourceRef]

# What an ArtifactGenerator makes is never in Git.
_kinds := {"GitRepository", "OCIRepository", "HelmRepository", "HelmChart", "Bucket"}

default _severity := "warning"

_severity := "error" if {
	every unknown in data.fleet.clusters[input.cluster].incomplete {
		_own(unknown)
	}
	not references.remote_file
}

# What this very source was to bring is not known either.
_own(unknown) if {
	unknown.kind == "source"
	unknown.origin.file == input.kustomization.origin.file
	unknown.origin.document == input.kustomization.origin.document
}
