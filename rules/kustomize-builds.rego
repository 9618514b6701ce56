# METADATA
# title: The path of a Flux Kustomization builds
# description: |
#   Flux runs kustomize over the whole path. One entry that does not exist, or one object that kustomize refuses, fails
#   the build, and Flux applies nothing below the path until it builds again. Entries from other repositories are not
#   checked. Where the tree has no entry point of Flux, a missing entry is a warning.
# related_resources:
#   - ref: https://fluxcd.io/flux/components/kustomize/kustomizations/#path
#     description: Kustomization, path
#   - ref: https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/
#     description: The kustomization file
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - Kustomization.kustomize.toolkit.fluxcd.io
#   fix: Correct the entry, or add what it names.
#   source:
#     - fluxcd/pkg kustomize/v1.39.0 kustomize_generator.go:588
#     - sigs.k8s.io/kustomize/api v0.21.1 internal/target/kusttarget.go:231
package rules["kustomize-builds"]

violation contains {
	"origin": problem.origin,
	"field": problem.at,
	"message": _message(problem),
	"related": [{"message": "the Kustomization that builds it", "origin": input.kustomization.origin}],
} if {
	not input.kustomization.suspended
	not _guessed
	some problem in input.kustomization.problems
}

violation contains {
	"origin": problem.origin,
	"field": problem.at,
	"message": _message(problem),
	"severity": "warning",
} if {
	_guessed
	some problem in input.kustomization.problems
}

# The tree has no entry point: every manifest counts as applied, and that Flux builds the folder is a guess.
_guessed if {
	input.kustomization.implicit
	input.kustomization.origin.file == ""
}

# A limit is one of this program, and a ResourceSet that fails holds back its own objects alone.
_message(problem) := problem.message if {
	problem.kind in {"limit", "resource-set"}
} else := sprintf("the build fails: %s", [problem.message])
