# METADATA
# title: What a Kustomization checks the health of exists
# description: |
#   Flux waits for each of a Kustomization's health checks until its timeout, and then the Kustomization has failed, and
#   what depends on it is not applied. A HelmRelease is checked in the namespace that it is in, not in the one that its
#   chart is installed in. Judged are HelmReleases and Kustomizations, which nothing but Flux brings; what charts and
#   controllers bring Git does not show.
# related_resources:
#   - ref: https://fluxcd.io/flux/components/kustomize/kustomizations/#health-checks
#     description: Kustomization, health checks
# custom:
#   severity: warning
#   admission: never
#   subjects:
#     - Kustomization.kustomize.toolkit.fluxcd.io
#   fix: Correct the name and namespace, or drop the health check.
#   source:
#     - fluxcd/kustomize-controller v1.9.6 internal/controller/kustomization_controller.go:1067
package rules["health-check-exists"]

import data.lib.objects
import data.lib.references
import data.lib.variables

violation contains {
	"field": ["spec", "healthChecks", i, "name"],
	"message": references.absent(check.kind, concat("/", [check.namespace, check.name])),
	"fix": references.fix(_server, kind, check.namespace, check.name),
	"severity": _severity,
} if {
	references.read_by_flux
	some i, check in input.object.spec.healthChecks
	kind := objects.group_kind(object.get(check, "apiVersion", ""), check.kind)
	kind in {"HelmRelease.helm.toolkit.fluxcd.io", "Kustomization.kustomize.toolkit.fluxcd.io"}
	not variables.stand_in([check.namespace, check.name])
	not references.exists(_server, kind, check.namespace, check.name)
}

_server := input.kustomization.apiServer

default _severity := "info"

_severity := "warning" if references.complete
