# METADATA
# title: A variable in a place for text is text after substitution
# description: |
#   Flux substitutes in the YAML that it renders, where quotes are gone, so that a variable that stands alone and
#   holds digits or a truth value makes a number or a truth value of the text. The API server refuses that in data
#   of a ConfigMap, stringData of a Secret, an annotation, and an environment variable or an argument of a
#   container. Where it is a label, Flux drops all labels of the object without a word. Seen with
#   kustomize-controller v1.9.6, in every quoting.
# related_resources:
#   - ref: https://fluxcd.io/flux/components/kustomize/kustomizations/#post-build-substitution-of-numbers-and-booleans
#     description: Kustomization, substitution of numbers and booleans
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - Kustomization.kustomize.toolkit.fluxcd.io
#   fix: Define a variable quote that holds one quotation mark, and write it on both sides of the variable.
#   source:
#     - fluxcd/pkg kustomize v1.35.7 kustomize_varsub.go:137
#     - fluxcd/kustomize-controller v1.9.6 internal/controller/kustomization_controller.go:801
package rules["value-stays-text"]

violation contains {
	"origin": effect.origin,
	"field": effect.field,
	"message": sprintf("substitution of ${%s} makes %s of a text of %s, and %s", [concat("}, ${", effect.names), effect.what, effect.object, outcome]),
	"severity": severity,
	"related": [{"message": "the Kustomization", "origin": input.kustomization.origin, "field": ["spec", "postBuild"]}],
} if {
	not input.kustomization.suspended
	some effect in input.kustomization.effects
	effect.kind == "retyped"
	[severity, outcome] := _outcome(array.slice(effect.field, 0, 2))
}

_outcome(field) := ["warning", "Flux then drops all its labels"] if {
	field == ["metadata", "labels"]
} else := ["error", "the API server refuses it"]
