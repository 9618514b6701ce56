# METADATA
# title: What a Kustomization or HelmRelease depends on exists
# description: |
#   Flux waits for a dependency that does not exist for ever, and applies nothing meanwhile. A Kustomization can depend on
#   Kustomizations only and a HelmRelease on HelmReleases only, in the same Flux cluster; without a namespace the dependency
#   is looked for in its own. It is a warning where something that this repository does not show may apply the dependency.
# related_resources:
#   - ref: https://fluxcd.io/flux/components/kustomize/kustomizations/#dependencies
#     description: Kustomization, dependencies
#   - ref: https://fluxcd.io/flux/components/helm/helmreleases/#dependencies
#     description: HelmRelease, dependencies
# custom:
#   severity: error
#   waits: order
#   subjects:
#     - Kustomization.kustomize.toolkit.fluxcd.io
#     - HelmRelease.helm.toolkit.fluxcd.io
#   fix: Correct the name and namespace, or drop the dependency.
#   source:
#     - fluxcd/kustomize-controller v1.9.4 internal/controller/kustomization_controller.go:568
#     - fluxcd/helm-controller v1.6.3 internal/controller/helmrelease_controller.go:613
package rules["depends-on-exists"]

import data.lib.objects

violation contains {
	"field": ["spec", "dependsOn", i, "name"],
	"message": _message("Kustomization", reference, reference.otherKind),
	"severity": _severity,
} if {
	not input.kustomization.suspended
	some i, reference in input.kustomization.dependsOn
	reference.state == "missing"
}

violation contains {
	"field": ["spec", "dependsOn", i, "name"],
	"message": _message("HelmRelease", {"namespace": namespace, "name": entry.name}, _other_kind(namespace, entry.name)),
	"severity": _severity,
} if {
	_release
	some i, entry in input.object.spec.dependsOn
	namespace := object.get(entry, "namespace", input.object.metadata.namespace)
	not contains(concat("", [namespace, entry.name]), "${")
	not data.fleet.objects[input.apiServer][input.subject][namespace][entry.name].id
}

# A release on another API server than the Flux cluster's own is for a helm-controller that may know more.
_release if {
	input.subject == "HelmRelease.helm.toolkit.fluxcd.io"
	input.apiServer == input.cluster
	not objects.suspended
	not input.object.spec.suspend
}

_other_kind(namespace, name) := "Kustomization" if {
	data.fleet.kustomizations[sprintf("%s/%s/%s", [input.cluster, namespace, name])]
} else := ""

_message(kind, reference, other) := sprintf("%q is a %s, and a %s can depend on %ss only", [_id(reference), other, kind, kind]) if {
	other != ""
} else := sprintf("Git shows no %s %q in Flux cluster %q, of which it does not show all", [kind, _id(reference), input.cluster]) if {
	_incomplete
} else := sprintf("there is no %s %q in Flux cluster %q; name one that exists", [kind, _id(reference), input.cluster])

_id(reference) := concat("/", [reference.namespace, reference.name])

default _severity := "error"

_severity := "warning" if _incomplete

_incomplete if count(data.fleet.clusters[input.cluster].incomplete) > 0
