# METADATA
# title: The path of a Flux Kustomization exists
# description: |
#   Flux looks the path up in the artifact of the source. Where the path does not exist there, the Kustomization fails
#   with "kustomization path not found" and applies nothing. The path is relative to the repository's root, may hold
#   variables that a parent substitutes, and must not be excluded by the source's ignore rules. A path in another
#   repository is not checked.
# related_resources:
#   - ref: https://fluxcd.io/flux/components/kustomize/kustomizations/#path
#     description: Kustomization, path
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - Kustomization.kustomize.toolkit.fluxcd.io
#   fix: Correct spec.path, or add the folder.
#   source:
#     - fluxcd/kustomize-controller v1.9.4 internal/controller/kustomization_controller.go:371
package rules["kustomization-path-exists"]

violation contains {
	"field": ["spec", "path"],
	"message": sprintf("Flux finds no folder %q in the source", [input.kustomization.path]),
} if {
	not input.kustomization.suspended
	input.kustomization.pathState == "missing"
}
