# METADATA
# title: An operation on a kind is customized once
# description: |
#   karmada-webhook refuses a ResourceInterpreterCustomization with a script for an operation that another one already
#   has for the same kind. Only the interpretation of dependencies may have several scripts. Which of two comes first is
#   not defined, and Flux stops at the other.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/globalview/customizing-resource-interpreter
#     description: Customizing the resource interpreter
# custom:
#   severity: error
#   admission: never
#   subjects:
#     - ResourceInterpreterCustomization.config.karmada.io
#   fix: Put the scripts for a kind into one ResourceInterpreterCustomization.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/webhook/resourceinterpretercustomization/helper.go:28
package rules["interpreter-customized-once"]

import data.lib.objects
import data.lib.variables

violation contains {
	"field": ["spec", "customizations", operation],
	"message": sprintf("%q also customizes %s of %s %q, so Karmada refuses one of the two", [name, operation, target.apiVersion, target.kind]),
	"related": [{"message": "the other one", "origin": other.origin} | other.origin.file != ""],
} if {
	not objects.suspended
	target := input.object.spec.target
	not variables.stand_in(target)
	some name, other in data.fleet.objects[input.apiServer][input.subject][""]
	name != input.object.metadata.name
	not other.suspended
	other.object.spec.target.apiVersion == target.apiVersion
	other.object.spec.target.kind == target.kind
	some operation, script in input.object.spec.customizations
	operation != "dependencyInterpretation"
	_some(script)
	_some(other.object.spec.customizations[operation])
}

_some(script) if object.get(script, "luaScript", "") != ""
