# METADATA
# title: A policy with application failover propagates dependencies
# description: |
#   Application failover moves a workload with the ConfigMaps and Secrets that it uses, so karmada-webhook refuses
#   spec.failover.application without spec.propagateDeps. The policy cannot be created, and Flux stops at it.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/failover/application-failover
#     description: Application-level failover
# custom:
#   severity: error
#   admission: never
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#   fix: Set spec.propagateDeps to true.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/util/validation/validation.go:46
#     - karmada-io/karmada v1.18.2 pkg/util/helper/policy.go:78
package rules["failover-propagates-deps"]

import data.lib.objects
import data.lib.variables

violation contains {
	"field": ["spec", "failover", "application"],
	"message": "spec.propagateDeps is not true, so Karmada refuses application failover",
	"edits": [{"field": ["spec", "propagateDeps"], "value": true}],
} if {
	not objects.suspended
	is_object(input.object.spec.failover.application)
	not input.object.spec.propagateDeps
	not _selects_service_import
}

# A variable may stand for the kind.
_selects_service_import if {
	some selector in input.object.spec.resourceSelectors
	variables.stand_in(selector.kind)
}

# karmada-webhook turns propagateDeps on for these before it looks.
_selects_service_import if {
	some selector in input.object.spec.resourceSelectors
	selector.kind == "ServiceImport"
	selector.apiVersion == "multicluster.x-k8s.io/v1alpha1"
}
