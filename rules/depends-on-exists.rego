# METADATA
# title: What a Kustomization or HelmRelease depends on exists
# description: |
#   Flux waits forever for a dependency that does not exist, and applies nothing meanwhile. A Kustomization can
#   depend only on Kustomizations and a HelmRelease only on HelmReleases, in the same Flux cluster; without a
#   namespace Flux looks in the namespace of the Kustomization or HelmRelease. It is a warning where Git does not
#   show all that may apply the dependency.
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
#   fix: Correct the name and namespace, or remove the dependency.
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

_message(kind, reference, other) := sprintf("%q is a %s, and a %s can depend only on %ss", [_id(reference), other, kind, kind]) if {
	other != ""
} else := sprintf("there is no %s %q in Git, which does not show all of this Flux cluster", [kind, _id(reference)]) if {
	_incomplete
} else := sprintf("there is no %s %q in this Flux cluster", [kind, _id(reference)])

_id(reference) := concat("/", [reference.namespace, reference.name])

default _severity := "error"

_severity := "warning" if _incomplete

_incomplete if count(data.fleet.clusters[input.cluster].incomplete) > 0
