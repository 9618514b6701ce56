# METADATA
# title: Git suspends no reconciliation
# description: |
#   spec.suspend stops a Kustomization, a HelmRelease or a source until somebody changes it in Git, and nothing reminds
#   of it: what changes meanwhile in Git is not applied, and failover that hangs on it does not happen.
# related_resources:
#   - ref: https://fluxcd.io/flux/components/kustomize/kustomizations/#suspend
#     description: Kustomization, suspend
# custom:
#   severity: info
#   subjects:
#     - GitRepository.source.toolkit.fluxcd.io
#     - HelmRelease.helm.toolkit.fluxcd.io
#     - HelmRepository.source.toolkit.fluxcd.io
#     - Kustomization.kustomize.toolkit.fluxcd.io
#     - OCIRepository.source.toolkit.fluxcd.io
#   fix: Remove spec.suspend, or the object.
#   source:
#     - fluxcd/kustomize-controller v1.9.6 internal/controller/kustomization_controller.go:225
package rules["reconciliation-not-suspended"]

violation contains {
	"field": ["spec", "suspend"],
	"message": sprintf("%s %q is suspended in Git: what changes of it is not applied", [input.object.kind, input.object.metadata.name]),
} if {
	input.object.spec.suspend == true
}
