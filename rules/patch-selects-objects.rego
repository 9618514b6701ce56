# METADATA
# title: The target of a patch is in the build
# description: |
#   kustomize leaves a patch out, without a word, whose target selects nothing. Patches run before the namespace
#   transformer: target.namespace is what an object has in its file, and not what namespace of the same
#   kustomization file, or spec.targetNamespace, is about to give it. That is a warning, and seen with
#   kustomize-controller v1.9.6. A target with a kind and a name that nothing has is an information. Components, and
#   targets by patterns and labels, are not judged.
# related_resources:
#   - ref: https://fluxcd.io/flux/components/kustomize/kustomizations/#patches
#     description: Kustomization, patches
# custom:
#   severity: warning
#   subjects:
#     - Kustomization.kustomize.toolkit.fluxcd.io
#   fix: Remove target.namespace, correct the name, or remove the patch.
#   source:
#     - kubernetes-sigs/kustomize api/v0.21.1 resmap/reswrangler.go:432
#     - kubernetes-sigs/kustomize api/v0.21.1 internal/target/kusttarget_configplugin.go:72
package rules["patch-selects-objects"]

violation contains {
	"origin": effect.origin,
	"field": effect.field,
	"message": message,
	"severity": severity,
} if {
	not input.kustomization.suspended
	some effect in input.kustomization.effects
	effect.kind == "idle"
	[severity, message] := _judgement(effect)
}

_judgement(effect) := ["warning", sprintf("the patch selects nothing: %s %q is in namespace %q only after the patches", [effect.names[0], effect.names[1], effect.what])] if {
	effect.what != ""
} else := ["info", sprintf("the patch selects nothing: the build has no %s %q", effect.names)]
