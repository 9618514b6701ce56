# METADATA
# title: A variable stands for a text of one line
# description: |
#   Flux takes all line breaks out of a variable's value before it substitutes it, however the place is quoted. A PEM
#   text, a certificate or a key, is none any more then: whatever reads it refuses it. That shows where the value is
#   in Git, and where a variable stands alone as tls.crt, tls.key or another key that holds PEM text, or in
#   agent.kubeconfig of the karmada chart. Another text of several lines is a warning where its lines run into one
#   another: JSON, base64 and lists with commas do not mind. A Secret's data holds base64, which has no line breaks
#   that count.
# related_resources:
#   - ref: https://fluxcd.io/flux/components/kustomize/kustomizations/#post-build-variable-substitution
#     description: Kustomization, post build variable substitution
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - Kustomization.kustomize.toolkit.fluxcd.io
#   fix: Take the text by valuesFrom or from a Secret of its own, or put its base64 into a Secret's data.
#   source:
#     - fluxcd/pkg kustomize v1.35.6 kustomize_varsub.go:80
#     - fluxcd/pkg kustomize v1.35.6 kustomize_varsub.go:118
package rules["variable-holds-one-line"]

violation contains {
	"origin": variable.origin,
	"field": variable.field,
	"message": sprintf("Flux takes the line breaks out of the value of ${%s}, and %s", [variable.name, outcome]),
	"severity": severity,
	"related": [{"message": "the Kustomization", "origin": input.kustomization.origin, "field": ["spec", "postBuild"]}],
} if {
	not input.kustomization.suspended
	some variable in input.kustomization.joined
	[severity, outcome] := _outcome[variable.pem]
}

_outcome := {
	true: ["error", "what is left is no PEM text"],
	false: ["warning", "its lines run into one another"],
}
