# METADATA
# title: The value of a variable has one line
# description: |
#   Flux removes all line breaks from a variable's value before it substitutes it, however the place is quoted. A PEM
#   text, a certificate or a key, is no longer valid then. The rule reports it where the value is in Git, and where a
#   variable is the whole value of tls.crt, tls.key or another key that holds PEM text, or of agent.kubeconfig in the
#   karmada chart. Another text of several lines is a warning, except JSON, base64 and lists with commas, which need no
#   line breaks. A Secret's data is base64, in which line breaks do not count.
# related_resources:
#   - ref: https://fluxcd.io/flux/components/kustomize/kustomizations/#post-build-variable-substitution
#     description: Kustomization, post build variable substitution
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - Kustomization.kustomize.toolkit.fluxcd.io
#   fix: Read the text with valuesFrom or from a Secret of its own, or put its base64 into the data of a Secret.
#   source:
#     - fluxcd/pkg kustomize v1.35.6 kustomize_varsub.go:80
#     - fluxcd/pkg kustomize v1.35.6 kustomize_varsub.go:118
package rules["variable-holds-one-line"]

violation contains {
	"origin": variable.origin,
	"field": variable.field,
	"message": sprintf("Flux removes the line breaks from the value of \"${%s}\", so %s", [variable.name, outcome]),
	"severity": severity,
	"related": [{"message": "the Kustomization", "origin": input.kustomization.origin, "field": ["spec", "postBuild"]}],
} if {
	not input.kustomization.suspended
	some variable in input.kustomization.joined
	[severity, outcome] := _outcome[variable.pem]
}

_outcome := {
	true: ["error", "it is no longer PEM text"],
	false: ["warning", "its lines run together"],
}
