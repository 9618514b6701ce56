# METADATA
# title: Karmada accepts the object
# description: |
#   The schemas of Karmada's CRDs refuse a field or a value that they do not have, and karmada-webhook refuses what
#   contradicts itself: Flux then stops at the object, and at all that it applies with it. An object is checked against
#   the schemas of its control plane's version, 1.15 to 1.19; where the version is not known, the rule reports what all
#   of them refuse. karmadaVersion in the configuration declares the version.
# related_resources:
#   - ref: https://karmada.io/docs/reference/karmada-api
#     description: Karmada's API
# custom:
#   severity: error
#   admission: never
#   subjects:
#     - Cluster.cluster.karmada.io
#     - ClusterOverridePolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#     - ClusterResourceBinding.work.karmada.io
#     - ClusterTaintPolicy.policy.karmada.io
#     - CronFederatedHPA.autoscaling.karmada.io
#     - FederatedHPA.autoscaling.karmada.io
#     - FederatedResourceQuota.policy.karmada.io
#     - MultiClusterIngress.networking.karmada.io
#     - MultiClusterService.networking.karmada.io
#     - OverridePolicy.policy.karmada.io
#     - PropagationPolicy.policy.karmada.io
#     - Remedy.remedy.karmada.io
#     - ResourceBinding.work.karmada.io
#     - ResourceInterpreterCustomization.config.karmada.io
#     - ResourceInterpreterWebhookConfiguration.config.karmada.io
#     - ResourceRegistry.search.karmada.io
#     - Work.work.karmada.io
#     - WorkloadRebalancer.apps.karmada.io
#   fix: Write what Karmada accepts.
#   source:
#     - karmada-io/karmada v1.18.2 charts/karmada/_crds/bases
#     - karmada-io/karmada v1.18.2 cmd/webhook/app/webhook.go
#     - karmada-io/karmada v1.18.2 pkg/apis/cluster/validation/validation.go:61
#     - karmada-io/karmada v1.18.2 pkg/util/validation/validation.go:43
#     - karmada-io/karmada v1.18.2 pkg/util/validation/validation.go:400
#     - fluxcd/pkg ssa v0.76.2 manager_apply.go:428
#     - sigs.k8s.io/structured-merge-diff v6.4.0 typed/validate.go:180
package rules["karmada-object-valid"]

import data.lib.objects

violation contains {
	"field": invalid.field,
	"message": sprintf("Karmada refuses the object: %s", [invalid.message]),
	"fix": _fix(invalid),
	"edits": invalid.edits,
} if {
	some invalid in _invalid
	invalid.notBefore == 0
}

violation contains {
	"field": invalid.field,
	"message": sprintf("Karmada 1.%d refuses the object, and older versions do not: %s", [invalid.notBefore, invalid.message]),
	"fix": _fix(invalid),
	"severity": "warning",
	"edits": invalid.edits,
} if {
	some invalid in _invalid
	invalid.notBefore > 0
}

_fix(invalid) := invalid.fix if {
	invalid.fix != ""
} else := "Write what Karmada accepts."

_invalid := [invalid | some invalid in input.invalid; not _said_elsewhere(invalid); not objects.suspended]

# What other rules say better.
# field-known-to-version, failover-propagates-deps and selector-in-own-namespace.
_said_elsewhere(invalid) if invalid.problem in {"newer-field", "propagate-deps", "other-namespace"}

_said_elsewhere(invalid) if { # purge-mode-valid
	invalid.problem == "enum"
	invalid.field[count(invalid.field) - 1] == "purgeMode"
}

_said_elsewhere(invalid) if { # weight-at-least-one
	invalid.problem == "bounds"
	invalid.field[count(invalid.field) - 1] == "weight"
}
