# METADATA
# title: This version of Karmada accepts the purge mode
# description: |
#   The names changed in Karmada 1.15: "Immediately" became "Directly" and "Graciously" became "Gracefully". Up to 1.18
#   Karmada accepts the old names too, from 1.19 on it refuses them, and up to 1.14 it refuses the new ones: then the
#   policy cannot be created, and Flux stops at it. Where the version is not known, only a name that every version from
#   1.15 on refuses is reported; karmadaVersion in the configuration declares the version.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/failover/application-failover
#     description: Application-level failover
#   - ref: https://karmada.io/docs/userguide/failover/cluster-failover
#     description: Cluster failover
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#   fix: Use a purge mode of this version.
#   source:
#     - karmada-io/karmada v1.14.0 pkg/apis/policy/v1alpha1/propagation_types.go
#     - karmada-io/karmada v1.18.2 pkg/apis/policy/v1alpha1/propagation_types.go
#     - karmada-io/karmada 2aeae1eea (v1.19.0-rc.0, the deprecated values are removed)
package rules["purge-mode-valid"]

import data.lib.karmada
import data.lib.objects

violation contains {
	"field": ["spec", "failover", kind, "purgeMode"],
	"message": sprintf("%s refuses the purge mode %q", [_version, mode]),
	"fix": sprintf("Use one of the purge modes %s.", [concat(", ", modes)]),
} if {
	some kind, mode in _modes
	modes := _taken[kind]
	not mode in modes
	not _deprecated[kind][mode]
}

violation contains {
	"field": ["spec", "failover", kind, "purgeMode"],
	"message": sprintf("the purge mode %q is deprecated, and Karmada 1.19 refuses it", [mode]),
	"fix": sprintf("Use %q, the new name of this purge mode.", [name]),
	"severity": "warning",
	"edits": [{"field": ["spec", "failover", kind, "purgeMode"], "value": name}],
} if {
	karmada.minor
	some kind, mode in _modes
	name := _deprecated[kind][mode]
}

_modes[kind] := mode if {
	not objects.suspended
	some kind in ["application", "cluster"]
	mode := input.object.spec.failover[kind].purgeMode
	not contains(mode, "${")
}

_version := sprintf("Karmada 1.%d", [karmada.minor]) if {
	karmada.minor
} else := "Karmada"

default _minor := 18

_minor := karmada.minor

# What the schema of that version lists. Up to 1.10 it lists nothing, and a cluster's purge mode came with 1.15.
_taken := {"application": ["Directly", "Gracefully", "Never"], "cluster": ["Directly", "Gracefully"]} if {
	_minor > 14
} else := {"application": ["Immediately", "Graciously", "Never"]} if {
	_minor > 10
} else := {}

_deprecated := {"application": {"Immediately": "Directly", "Graciously": "Gracefully"}} if {
	_minor > 14
	_minor < 19
} else := {}
