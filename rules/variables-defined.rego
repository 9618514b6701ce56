# METADATA
# title: Every variable that Flux substitutes is defined
# description: |
#   A variable without a default that no source defines fails the whole Kustomization from Flux 2.9 on. Older
#   versions replace it with nothing: an empty host name, a script without its arguments, a dashboard without its
#   data source. For text that is not meant for Flux write $${NAME}, or set the label
#   kustomize.toolkit.fluxcd.io/substitute: disabled on the object.
#
#   It is an error where the cluster's Flux is known to be 2.9 or later, otherwise an information, since an empty
#   value may be intended. A name that differs from a defined one only in letter case or underscores is at least a
#   warning. Otherwise nothing is reported where a source of variables is not in Git, since it may define the name.
#   Where a Kustomization substitutes nothing at all, a variable in the name or namespace of an object is an error:
#   Flux applies it unchanged.
# related_resources:
#   - ref: https://fluxcd.io/flux/components/kustomize/kustomizations/#post-build-variable-substitution
#     description: Kustomization, post build variable substitution
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - Kustomization.kustomize.toolkit.fluxcd.io
#   fix: Define the variable in spec.postBuild, give it a default, or write $${NAME} for text that is not meant for Flux.
#   source:
#     - fluxcd/kustomize-controller v1.9.4 internal/features/features.go:82
#     - fluxcd/pkg kustomize v1.35.4 kustomize_varsub.go:137
package rules["variables-defined"]

violation contains {
	"origin": place.origin,
	"field": place.field,
	"line": place.line,
	"column": place.column,
	"related": place.related,
	"message": sprintf("variable %q of Kustomization %q is not defined, so Flux %s", [variable.name, input.kustomization.name, outcome]),
	"severity": severity,
} if {
	not input.kustomization.suspended
	some variable in input.kustomization.undefined
	variable.near == ""
	not endswith(variable.origin.file, "gotk-components.yaml") # an upgrade of Flux writes it anew
	place := _place(variable)
	[severity, outcome] := _judgement
}

# Another one is defined that differs in a letter's case alone, so the name is certainly a mistake
# where no source may bring it.
violation contains {
	"origin": place.origin,
	"field": place.field,
	"line": place.line,
	"column": place.column,
	"related": place.related,
	"message": sprintf("variable %q of Kustomization %q is not defined%s, and %q is", [variable.name, input.kustomization.name, doubt, variable.near]),
	"fix": sprintf("Correct the name to %q, or define the variable.", [variable.near]),
	"severity": severity,
} if {
	not input.kustomization.suspended
	some variable in input.kustomization.undefined
	variable.near != ""
	place := _place(variable)
	[severity, doubt] := _certainty(variable)
}

_certainty(variable) := ["warning", " in Git"] if {
	variable.doubtful
} else := ["error", ""] if {
	_strict
} else := ["warning", ""]

# No name of an object has such a text, other than by mistake.
violation contains {
	"origin": variable.origin,
	"field": variable.field,
	"message": sprintf("Kustomization %q substitutes no variables, so \"${%s}\" is applied unchanged", [input.kustomization.name, variable.name]),
	"fix": "Define the variable in spec.postBuild.",
	"related": [_kustomization],
} if {
	not input.kustomization.suspended
	some variable in input.kustomization.literal
}

_place(variable) := object.union(variable, {"related": [_kustomization]}) if {
	variable.origin.file != ""
} else := object.union(variable, {"origin": input.kustomization.origin, "related": []}) if {
	count(variable.field) > 0 # in the spec of a Kustomization that is in no file
} else := object.union(variable, {"origin": input.kustomization.origin, "field": ["spec", "postBuild"], "related": []})

_kustomization := {"message": "the Kustomization", "origin": input.kustomization.origin, "field": ["spec", "postBuild"]}

_judgement := ["error", sprintf("%s fails the Kustomization", [_version])] if {
	_strict
} else := ["info", "replaces it with nothing, and from 2.9 on fails the Kustomization"]

_version := data.fleet.clusters[input.cluster].fluxVersion

_strict if _parts[0] > 2

_strict if {
	_parts[0] == 2
	_parts[1] >= 9
}

_parts := [to_number(part) | some part in split(_version, ".")] if _version != ""
