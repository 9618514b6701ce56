# METADATA
# title: The spec of a Kustomization needs none of its own variables
# description: |
#   spec.postBuild is for what the Kustomization builds and not for the Kustomization itself: that is substituted by the
#   one that applies it. A variable that only its own postBuild defines stays as it stands in spec.healthChecks,
#   spec.dependsOn, spec.sourceRef or spec.targetNamespace, and the Kustomization waits for something that will never be
#   there. A path like that is what kustomization-path-exists reports.
# related_resources:
#   - ref: https://fluxcd.io/flux/components/kustomize/kustomizations/#post-build-variable-substitution
#     description: Kustomization, post build variable substitution
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - Kustomization.kustomize.toolkit.fluxcd.io
#   fix: Write the value itself, or define the variable in the Kustomization that applies this one.
#   source:
#     - fluxcd/kustomize-controller v1.9.6 internal/controller/kustomization_controller.go:801
package rules["spec-free-of-own-variables"]

violation contains {
	"field": field,
	"message": sprintf("${%s} is never replaced here: postBuild is for what the Kustomization builds, and not for its own spec", [name]),
} if {
	not input.kustomization.suspended
	_literal
	some part in ["healthChecks", "dependsOn", "sourceRef", "targetNamespace"]
	walk(input.object.spec[part], [path, text])
	is_string(text)
	some name, _ in input.object.spec.postBuild.substitute
	contains(text, sprintf("${%s}", [name]))
	field := array.concat(["spec", part], path)
}

# Whatever applies the Kustomization substitutes nothing in it.
_literal if {
	parent := data.fleet.kustomizations[input.kustomization.parent]
	parent.substitutes == false
	parent.decryption != "unknown"
}

# An API server is asked once all is substituted.
_literal if {
	input.kustomization.parent == ""
	input.kustomization.origin.file == ""
}
